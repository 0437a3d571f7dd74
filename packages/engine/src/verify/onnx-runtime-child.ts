/**
 * Opens an ONNX decoder in ONNX Runtime and prints what it computes as JSON, in a process of its own. The first argument names
 * a JSON file with the question.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { InferenceSession, Tensor } from 'onnxruntime-node'

interface OnnxQuestion {
  readonly path: string
  readonly ids: readonly number[]
  readonly prompt: readonly number[]
  readonly greedy: number
  readonly logitsTo: string
}

process.env.ORT_DISABLE_TELEMETRY = '1'
const ort = await import('onnxruntime-node').then(module => module.default ?? module)
const { f16ToF32 } = await import('@sinter/tensor-core')

type Feeds = Record<string, Tensor>

const whole = (values: readonly number[]): Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length])

const range = (start: number, count: number): number[] => Array.from({ length: count }, (_, i) => start + i)

/** Caches that hold nothing yet: every size that the model leaves open is 1 for the batch and 0 for the past. */
function emptyCaches(session: InferenceSession): Feeds {
  const caches = session.inputMetadata.filter(({ name }) => name.startsWith('past_key_values.'))
  return Object.fromEntries(
    caches.map(input => {
      if (!input.isTensor) throw new Error(`${input.name}: expected a tensor`)
      const shape = input.shape.map((size, axis) => (typeof size === 'number' && size > 0 ? size : axis === 0 ? 1 : 0))
      const data = input.type === 'float16' ? new Uint16Array(0) : new Float32Array(0)
      return [input.name, new ort.Tensor(input.type as 'float32', data as Float32Array, shape)]
    }),
  )
}

/** One pass of `ids` behind `past` tokens. */
async function step(session: InferenceSession, ids: readonly number[], past: number, caches: Feeds) {
  const known: Feeds = {
    input_ids: whole(ids),
    attention_mask: whole(Array<number>(past + ids.length).fill(1)),
    position_ids: whole(range(past, ids.length)),
    // 0: all of them.
    num_logits_to_keep: new ort.Tensor('int64', BigInt64Array.of(0n), []),
    ...caches,
  }
  const feeds = Object.fromEntries(
    session.inputNames.map(name => {
      const value = known[name]
      if (!value) throw new Error(`the model wants an input ${name}, which no decoder of transformers.js has`)
      return [name, value]
    }),
  )
  const outputs = await session.run(feeds)
  const present = Object.entries(outputs).filter(([name]) => name.startsWith('present.'))
  const next = Object.fromEntries(present.map(([name, value]) => [name.replace('present.', 'past_key_values.'), value]))
  return { logits: floats(outputs.logits), caches: next as Feeds }
}

function floats(logits: unknown): { readonly data: Float32Array; readonly vocabulary: number } {
  const tensor = logits as Tensor | undefined
  if (!tensor) throw new Error('the model has no output named logits')
  const vocabulary = tensor.dims.at(-1)!
  if (tensor.type !== 'float16') return { data: tensor.data as Float32Array, vocabulary }
  // Bits on a Node without Float16Array, numbers on others: the bytes are the same.
  const { buffer, byteOffset, length } = tensor.data as unknown as Uint16Array
  return { data: f16ToF32(new Uint16Array(buffer, byteOffset, length)), vocabulary }
}

async function continued(session: InferenceSession, prompt: readonly number[], count: number): Promise<number[]> {
  const out: number[] = []
  let ids = prompt
  let past = 0
  let caches = emptyCaches(session)
  while (out.length < count) {
    const { logits, caches: next } = await step(session, ids, past, caches)
    const last = logits.data.subarray(logits.data.length - logits.vocabulary)
    const best = last.reduce((at, value, i) => (value > last[at]! ? i : at), 0)
    past += ids.length
    caches = next
    ids = [best]
    out.push(best)
  }
  return out
}

const say = (line: unknown): void => console.log(`\n@@${JSON.stringify(line)}`)

async function main(): Promise<void> {
  const { path, ids, prompt, greedy, logitsTo } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as OnnxQuestion
  const session = await ort.InferenceSession.create(path, { executionProviders: ['cpu'] })
  const { logits } = await step(session, ids, 0, emptyCaches(session))
  writeFileSync(logitsTo, new Uint8Array(logits.data.buffer, logits.data.byteOffset, logits.data.byteLength))
  say({ greedy: await continued(session, prompt, greedy) })
}

await main().catch((error: unknown) => say({ error: error instanceof Error ? error.message : String(error) }))
