/**
 * Perplexity and KL divergence of llama.cpp's presets, made by llama.cpp (plain, and with an importance matrix of the calibration
 * text) and by us, with error compensation on the same grids: files of the same size. A table, and a line of JSON for each file.
 *
 *   node --conditions=@sinter/source tools/bench/src/exact-grids.ts --model DIR --calibration FILE --text FILE --out DIR
 *     [--mixes Q4_0,Q4_K_S,Q3_K_S,Q2_K] [--kinds llama.cpp,'llama.cpp imatrix','ours gptq','ours awq gptq']
 *     [--samples 128] [--length 512] [--windows 10] [--threads 2] [--imatrix FILE] [--keep]
 *
 * Files that are in the folder already are scored, not made again.
 */
import { execFileSync } from 'node:child_process'
import { access, appendFile, mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadLlamaQuantize } from '@sinter/ggml'
import { ggufMixes, meanSquares, readImatrix } from '@sinter/model'

const root = join(import.meta.dirname, '../../..')
const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    calibration: { type: 'string' },
    text: { type: 'string' },
    out: { type: 'string' },
    mixes: { type: 'string', default: 'Q4_0,Q4_K_S,Q3_K_S,Q2_K' },
    samples: { type: 'string', default: '128' },
    length: { type: 'string', default: '512' },
    windows: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    imatrix: { type: 'string' },
    kinds: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
})
const { model, calibration, text, out } = values
if (!model || !calibration || !text || !out) throw new Error('give --model, --calibration, --text and --out')

function sinter(...args: readonly string[]): string {
  return execFileSync(process.execPath, ['--conditions=@sinter/source', join(root, 'apps/cli/src/main.ts'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 2 ** 20,
  })
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )

const common = ['--threads', values.threads, '--quiet']

interface Score {
  readonly name: string
  readonly bytes: number
  readonly perplexity: number
  readonly divergence: number
}

async function importance(): Promise<ReadonlyMap<string, Float32Array>> {
  const path = values.imatrix ?? join(out!, 'importance.gguf')
  const same = ['--text', calibration!, '--samples', values.samples, '--length', values.length]
  if (!(await exists(path))) sinter('imatrix', model!, ...same, '--out', path, ...common)
  return new Map([...(await readImatrix(path)).entries].map(([name, entry]) => [name, meanSquares(entry)]))
}

/** How each kind of file is made of the plain one. */
const makers: Readonly<Record<string, (mix: string, plain: string, path: string) => Promise<void>>> = {
  'llama.cpp': async (mix, plain, path) => quantize(mix, plain, path),
  'llama.cpp imatrix': async (mix, plain, path) => quantize(mix, plain, path, await importance()),
  'ours gptq': (mix, _, path) => compress([{ method: 'gptq' }], mix, path),
  'ours awq gptq': (mix, _, path) => compress([{ method: 'awq', clip: false }, { method: 'gptq' }], mix, path),
}

async function compress(steps: readonly object[], mix: string, path: string): Promise<void> {
  const [samples, length] = [Number(values.samples), Number(values.length)]
  const recipe = {
    version: 1,
    steps,
    calibration: { text: calibration, samples, length },
    output: { format: `gguf:${mix}` },
  }
  await writeFile(`${path}.json`, JSON.stringify(recipe))
  sinter('compress', model!, '--recipe', `${path}.json`, '--no-report', ...common, '--out', path)
  await rm(`${path}.json`)
}

function quantize(mix: string, input: string, output: string, weights?: ReadonlyMap<string, Float32Array>): void {
  const options = {
    fileType: ggufMixes[mix]!.fileType,
    threads: Number(values.threads),
    ...(weights && { importance: weights }),
  }
  loadLlamaQuantize().quantize(input, output, options)
}

async function score(name: string, path: string): Promise<Score> {
  const scored = ['--text', text!, '--windows', values.windows, '--length', '1024', '--json']
  const result = JSON.parse(sinter('eval', path, '--base', model!, ...scored)) as {
    readonly perplexity: number
    readonly kl: number
  }
  await appendFile(join(out!, 'scores.jsonl'), `${JSON.stringify({ name, ...result })}\n`)
  const { size: bytes } = await stat(path)
  return { name, bytes, perplexity: result.perplexity, divergence: result.kl }
}

await mkdir(out, { recursive: true })
const plain = join(out, 'plain.gguf')
if (!(await exists(plain))) sinter('convert', model, '--to', 'gguf:BF16', '--out', plain, ...common)
const row = ({ name, bytes, perplexity, divergence }: Score) =>
  `${name.padEnd(28)} ${String(bytes).padStart(12)} ${perplexity.toFixed(4).padStart(10)} ${divergence.toFixed(5).padStart(10)}`
console.log(`${'file'.padEnd(28)} ${'bytes'.padStart(12)} ${'perplexity'.padStart(10)} ${'KL'.padStart(10)}`)
for (const mix of values.mixes.split(','))
  for (const [kind, make] of Object.entries(makers)) {
    if (values.kinds && !values.kinds.split(',').includes(kind)) continue
    const path = join(out, `${mix}-${kind.replace(/\W/g, '-')}.gguf`)
    if (!(await exists(path))) await make(mix, plain, path)
    console.log(row(await score(`${mix} ${kind}`, path)))
    if (!values.keep) await rm(path)
  }
