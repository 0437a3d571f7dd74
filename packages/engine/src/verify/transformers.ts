import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isSparseConfig, readJson, SinterError } from '@sinter/model'
import { askForLogits } from './ask-for-logits.ts'
import type { Client, Expectation } from './client.ts'

const script = fileURLToPath(new URL('../../assets/transformers_logits.py', import.meta.url))

/** What a kind of folder needs beside torch and transformers, by name of module and of what pip installs, and what it does. */
interface Kind extends Expectation {
  readonly packages: Readonly<Record<string, string>>
}

const sums = 'torch sums in another order'
const halves = 'its kernels may round activations to 16 bits'

const dense: Kind = { packages: {}, tolerance: 0.002, causes: [sums] }

/** By `quant_method`; one line a kind. */
const kinds: Readonly<Record<string, Kind>> = {
  'compressed-tensors': { packages: { compressed_tensors: 'compressed-tensors' }, tolerance: 0.02, causes: [sums] },
  gptq: { packages: { gptqmodel: 'gptqmodel', optimum: 'optimum' }, tolerance: 0.2, causes: [halves] },
  awq: { packages: { gptqmodel: 'gptqmodel', accelerate: 'accelerate' }, tolerance: 0.2, causes: [halves] },
  bitsandbytes: {
    packages: { bitsandbytes: 'bitsandbytes', accelerate: 'accelerate' },
    tolerance: 0.2,
    causes: ['bitsandbytes rounds decoded weights to the type that the folder names, bfloat16'],
  },
  hqq: { packages: { hqq: 'hqq' }, tolerance: 0.2, causes: [halves] },
}

const always = { torch: 'torch', transformers: 'transformers' }

/** transformers on the processor, by a script of ours that Python runs; for Hugging Face folders. */
export const transformers: Client = {
  name: 'transformers',
  opens: async path => (await configOf(path)) !== undefined,
  expects: async (_, path) => {
    const { tolerance, causes } = await kindOf(path)
    return { tolerance, causes }
  },
  ask: async ({ path, ids, prompt, greedy, text, python }) => {
    await refuseSparse(path)
    const modules: Readonly<Record<string, string>> = { ...always, ...(await kindOf(path)).packages }
    const client = {
      name: 'transformers',
      install: (missing: readonly string[]) => {
        const packages = missing.map(name => modules[name] ?? name)
        return `pip install ${packages.join(' ')}, and give that Python with --python PATH`
      },
    }
    const command = python ?? 'python3'
    const question = { path, ids, prompt, greedy, text: text ?? null, modules: Object.keys(modules) }
    return askForLogits(client, command, ['-I', '-B', script], question).catch(error => {
      throw isMissing(error) ? noPython(command, Object.values(modules)) : error
    })
  },
}

const isMissing = (error: unknown): boolean => error instanceof SinterError && /ENOENT/.test(error.message)

const noPython = (command: string, packages: readonly string[]): SinterError =>
  new SinterError(
    'client-missing',
    `there is no ${command} to ask transformers with; install Python 3 with pip install ${packages.join(' ')}, and give it with --python PATH`,
  )

/** Contents of config.json as they are: openers of ours take out what they have expanded. */
async function configOf(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  const folder = (await stat(path).catch(() => undefined))?.isDirectory()
  return folder ? readJson(join(path, 'config.json')) : undefined
}

async function kindOf(path: string): Promise<Kind> {
  const how = (await configOf(path))?.quantization_config
  if (!isObject(how)) return dense
  const kind = Object.hasOwn(kinds, String(how.quant_method)) ? kinds[String(how.quant_method)]! : dense
  const groups = isObject(how.config_groups) ? Object.values(how.config_groups) : []
  const rounds = groups.some(group => isObject(group) && isObject(group.input_activations))
  return rounds ? { ...kind, tolerance: 0.5, causes: ['activations are rounded to 8 bits, as the folder says'] } : kind
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

async function refuseSparse(path: string): Promise<void> {
  if (!isSparseConfig((await configOf(path)) ?? {})) return
  throw new SinterError(
    'option',
    `${path}: transformers reads no folders with sparse matrices; expand it first: sinter convert ${path} --to hf --out FOLDER`,
  )
}
