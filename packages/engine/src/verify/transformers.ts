import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isSparseConfig, SinterError } from '@sinter/model'
import { askForLogits } from './ask-for-logits.ts'
import type { Client, Expectation } from './client.ts'

const script = fileURLToPath(new URL('../../assets/transformers_logits.py', import.meta.url))

/** What a kind of folder needs beside torch and transformers: names of modules, and of what pip installs. */
const needs: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'compressed-tensors': { compressed_tensors: 'compressed-tensors' },
  gptq: { gptqmodel: 'gptqmodel', optimum: 'optimum' },
  awq: { gptqmodel: 'gptqmodel' },
  bitsandbytes: { bitsandbytes: 'bitsandbytes' },
  hqq: { hqq: 'hqq' },
}

const always = { torch: 'torch', transformers: 'transformers' }

const plain: Expectation = { tolerance: 0.002, causes: ['torch sums in another order'] }
const decoded: Expectation = {
  tolerance: 0.02,
  causes: ['torch sums in another order', 'kernels for packed weights may round scales or activations to 16 bits'],
}

/** transformers on the processor, by a script of ours that Python runs; for Hugging Face folders. */
export const transformers: Client = {
  name: 'transformers',
  opens: async path => (await configOf(path)) !== undefined,
  expects: async (_, path) => ((await quantMethodOf(path)) === undefined ? plain : decoded),
  ask: async ({ path, ids, prompt, greedy, text, python }) => {
    await refuseSparse(path)
    const modules = { ...always, ...needs[(await quantMethodOf(path)) ?? ''] }
    const client = {
      name: 'transformers',
      install: (missing: readonly string[]) => {
        const packages = missing.map(name => (modules as Readonly<Record<string, string>>)[name] ?? name)
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
  const text = await readFile(join(path, 'config.json'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as Readonly<Record<string, unknown>>)
}

async function quantMethodOf(path: string): Promise<string | undefined> {
  const method = ((await configOf(path))?.quantization_config as { quant_method?: unknown } | undefined)?.quant_method
  return typeof method === 'string' ? method : undefined
}

async function refuseSparse(path: string): Promise<void> {
  if (!isSparseConfig((await configOf(path)) ?? {})) return
  throw new SinterError(
    'option',
    `${path}: transformers reads no folders with sparse matrices; expand it first: sinter convert ${path} --to hf --out FOLDER`,
  )
}
