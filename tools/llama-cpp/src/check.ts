import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { checkRecipe, compress, resolvePlan } from '@sinter/engine'
import { generate, logits, openCheckpoint, openModel, writeGguf } from '@sinter/model'
import { askLlamaCpp } from '@sinter/model/testing'
import { ortNodeBackend, type Tensor } from '@sinter/tensor-core'

export interface Comparison {
  readonly type: string
  /** Compressed matrices whose stored blocks give back exactly the values that the run chose. */
  readonly exact: number
  readonly matrices: number
  /** Largest logit difference between llama.cpp on the values written as F32, and ours on the compressed file. */
  readonly dense: number
  /** The same with llama.cpp on the compressed file: it rounds activations to 8 bits for such matrices. */
  readonly compressed: number
  /** Largest difference between llama.cpp's logits on the values as F32, tokens eight at a time, and its own, one at a time. */
  readonly itself: number
  /** Standard deviation of our logits, to measure the two against. */
  readonly spread: number
  /** Tokens that llama.cpp (on the F32 values) and we continue alike. */
  readonly greedy: number
}

export interface CheckOptions {
  readonly model: string
  readonly text: string
  readonly folder: string
  readonly type: 'Q4_0' | 'Q4_1'
  readonly samples?: number
  readonly length?: number
  readonly tokens?: number
  readonly greedy?: number
}

/** GPTQ in groups of 32 into a GGUF block encoding, read back by us and by llama.cpp. */
export async function check(options: CheckOptions): Promise<Comparison> {
  const { model, text, folder, type, tokens = 200, greedy = 64 } = options
  const out = join(folder, `${type}.gguf`)
  const chosen = await compressTo(model, options, out, { format: `gguf:${type}` })
  const plain = join(folder, `${type}-hf`)
  await compressTo(model, options, plain, { format: 'hf', dtype: 'f32' }, chosen)
  const dense = join(folder, `${type}-f32.gguf`)
  const stored = await openCheckpoint(out)
  await writeGguf(dense, stored, { encoding: 'F32' })
  await stored.close()
  const ours = await openModel(out)
  const backend = ortNodeBackend({ threads: 2 })
  try {
    const { ids, expected, continued } = await compute(ours, backend, text, model, tokens, greedy)
    const [wide, narrow, single] = await askLlamaCpp([
      { path: dense, ids: [ids], greedy },
      { path: out, ids: [ids] },
      { path: dense, ids: [ids], atOnce: 1 },
    ])
    const same = continued.findIndex((token, i) => token !== wide!.greedy[i])
    return {
      type,
      ...(await exactMatrices(ours, plain)),
      dense: largest(expected, wide!.logits),
      compressed: largest(expected, narrow!.logits),
      itself: largest(wide!.logits, single!.logits),
      spread: deviation(expected),
      greedy: same < 0 ? continued.length : same,
    }
  } finally {
    await backend.close()
    await ours.close()
    await rm(dense, { force: true })
    await rm(plain, { recursive: true, force: true })
  }
}

/** @returns the options that the format filled in */
async function compressTo(
  path: string,
  { text, samples = 8, length = 128 }: CheckOptions,
  out: string,
  output: { format: string; dtype?: 'f32' },
  options: object = {},
): Promise<object> {
  const model = await openModel(path)
  const recipe = checkRecipe({
    version: 1,
    steps: [{ method: 'gptq', ...options }],
    calibration: { text, samples, length },
    output,
  })
  const plan = await resolvePlan(model, recipe, { out, threads: 2 })
  await model.close()
  for await (const _ of compress(plan, { out }));
  return plan.rows.find(row => row.action === 'compress')!.steps[0]!.options as object
}

type Model = Awaited<ReturnType<typeof openModel>>

async function compute(
  ours: Model,
  backend: ReturnType<typeof ortNodeBackend>,
  text: string,
  original: string,
  tokens: number,
  greedy: number,
) {
  const source = await openModel(original)
  const ids = [
    ...source.tokenizer!.encode((await readFile(text, 'utf8')).slice(0, 20 * tokens), { addSpecialTokens: false }),
  ].slice(0, tokens)
  await source.close()
  const input: Tensor = { dtype: 'i32', shape: [1, ids.length], data: Int32Array.from(ids) }
  const expected = (await logits(ours, backend, input)).get('logits')!.data as Float32Array
  const continued: number[] = []
  for await (const token of generate(ours, backend, ids, { tokens: greedy, temperature: 0, stopIds: [] }))
    continued.push(token)
  return { ids, expected, continued }
}

/**
 * Whether the file holds the run's own codes: the same run into a dense f32 folder must have the same values to the bit,
 * which another rounding of them would not.
 */
async function exactMatrices(ours: Model, folder: string): Promise<{ exact: number; matrices: number }> {
  const dense = await openModel(folder)
  let exact = 0
  let matrices = 0
  for (let block = 0; block < ours.blocks; block++) {
    const [a, b] = [await ours.readBlock(block), await dense.readBlock(block)]
    for (const { name } of ours.blockGraph(block).linears) {
      const [x, y] = [a.get(`${name}.weight`)!.data, b.get(`${name}.weight`)!.data]
      matrices++
      if (x.length === y.length && x.every((value, i) => value === y[i])) exact++
    }
  }
  await dense.close()
  return { exact, matrices }
}

const largest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
}
