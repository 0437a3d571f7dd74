import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decodeSafetensors, encodeSafetensors, logits, type Model, openModel, type Tokenizer } from '@sinter/model'
import { type Backend, ortNodeBackend, referenceBackend, type Tensor } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EvaluationProgress, evaluate, wantedBos } from '../src/index.ts'

const folder = fileURLToPath(new URL('./fixtures/llama-gqa', import.meta.url))
const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')) as {
  input_ids: number[][]
  loss: number
}
const onnx = ortNodeBackend({ threads: 1 })
const reference = referenceBackend()
const scratch = mkdtempSync(join(tmpdir(), 'sinter-eval-'))
let base: Model
let rough: Model

beforeAll(async () => {
  base = await openModel(folder)
  rough = await openModel(roughCopy())
})
afterAll(async () => {
  await base.close()
  await rough.close()
  await onnx.close()
  rmSync(scratch, { recursive: true })
})

/** The same model with its matrices rounded to steps of 1/16: another model over the same vocabulary. */
function roughCopy(): string {
  const copy = join(scratch, 'rough')
  cpSync(folder, copy, { recursive: true })
  const { tensors } = decodeSafetensors(readFileSync(join(folder, 'model.safetensors')))
  const rounded = [...tensors].map(([name, tensor]): [string, Tensor] => [
    name,
    tensor.shape.length === 2
      ? { ...tensor, data: (tensor.data as Float32Array).map(x => Math.round(x * 16) / 16) }
      : tensor,
  ])
  writeFileSync(join(copy, 'model.safetensors'), encodeSafetensors(new Map(rounded)))
  return copy
}

/** 5 windows of 20 and a tail; every id below the vocabulary of 96. */
const text = Int32Array.from({ length: 107 }, (_, i) => (i * i * 31 + i * 7 + 5) % 96)

interface Brute {
  readonly nll: number[]
  readonly kl: number[]
  readonly same: number[]
}

/** Window by window, all logits at once, in f64. */
async function bruteForce(
  model: Model,
  original: Model,
  length: number,
  first: number,
  backend: Backend,
): Promise<Brute> {
  const out: Brute = { nll: [], kl: [], same: [] }
  for (let at = 0; at + length <= text.length; at += length) {
    const ids: Tensor = { dtype: 'i32', shape: [1, length], data: text.slice(at, at + length) }
    const [q, p] = [await logProbabilities(model, ids, backend), await logProbabilities(original, ids, backend)]
    for (let t = first; t < length - 1; t++) {
      out.nll.push(-q[t]![text[at + t + 1]!]!)
      out.kl.push(p[t]!.reduce((sum, lp, v) => sum + Math.exp(lp) * (lp - q[t]![v]!), 0))
      const top = (row: number[]) => row.indexOf(Math.max(...row))
      out.same.push(top(p[t]!) === top(q[t]!) ? 1 : 0)
    }
  }
  return out
}

async function logProbabilities(model: Model, ids: Tensor, backend: Backend): Promise<number[][]> {
  const { data, shape } = (await logits(model, backend, ids)).get('logits')!
  const width = shape[2]!
  return Array.from({ length: shape[1]! }, (_, t) => {
    const row = Array.from({ length: width }, (_, v) => Number(data[t * width + v]))
    const sum = Math.log(row.reduce((s, value) => s + Math.exp(value), 0))
    return row.map(value => value - sum)
  })
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length

describe.each([
  ['interpreter', reference],
  ['ONNX Runtime', onnx],
])('%s', (_, backend) => {
  test('protocol A gives the loss that transformers recorded', async () => {
    const ids = expected.input_ids.flat()
    const { perplexity, predictions } = await evaluate({ model: base, ids, length: 32, backend })
    expect(predictions).toBe(62)
    expect(Math.abs(perplexity.meanNll - expected.loss)).toBeLessThan(1e-5)
  })

  test('protocol A equals brute force over all logits', async () => {
    const brute = await bruteForce(rough, base, 20, 0, backend)
    const result = await evaluate({ model: rough, base, ids: text, length: 20, backend })
    expect(result).toMatchObject({ protocol: 'A', windows: 5, predictions: 95, textTokens: 107 })
    expect(Math.abs(result.perplexity.value - Math.exp(mean(brute.nll)))).toBeLessThan(1e-4)
    expect(Math.abs(result.divergence!.kl.value - mean(brute.kl))).toBeLessThan(1e-6)
    expect(result.divergence!.topAgreement.value).toBeCloseTo(mean(brute.same), 12)
    expect(result.divergence!.kl.value).toBeGreaterThan(1e-5)
  })

  test('protocol B equals brute force over second halves, and is not A', async () => {
    const brute = await bruteForce(rough, base, 20, 10, backend)
    const b = await evaluate({ model: rough, base, ids: text, length: 20, protocol: 'B', backend })
    expect(b.predictions).toBe(5 * 9)
    expect(Math.abs(b.perplexity.value - Math.exp(mean(brute.nll)))).toBeLessThan(1e-4)
    expect(Math.abs(b.divergence!.kl.value - mean(brute.kl))).toBeLessThan(1e-6)
    const a = await evaluate({ model: rough, ids: text, length: 20, backend })
    expect(Math.abs(a.perplexity.value - b.perplexity.value)).toBeGreaterThan(1e-3)
  })

  test('a model does not diverge from itself', async () => {
    const { divergence } = await evaluate({ model: base, base, ids: text, length: 20, backend })
    expect(Math.abs(divergence!.kl.value)).toBeLessThan(1e-9)
    expect(divergence!.topAgreement).toEqual({ value: 1, standardError: 0 })
    expect(divergence!.correlation).toBeCloseTo(1, 12)
    expect(divergence!.perplexityRatio.value).toBe(1)
  })
})

test('batches, groups and slices change nothing', async () => {
  const options = { model: rough, base, ids: text, length: 20, backend: onnx }
  const whole = await evaluate(options)
  for (const other of [
    { batchTokens: 20 },
    { batchTokens: 60 },
    { groupBytes: 1 },
    { groupBytes: 48 * 20 * 4 * 2 },
    { sliceBytes: 1 },
  ]) {
    const result = await evaluate({ ...options, ...other })
    expect(result.perplexity.value).toBeCloseTo(whole.perplexity.value, 4)
    expect(result.divergence!.kl.value).toBeCloseTo(whole.divergence!.kl.value, 7)
    expect(result.divergence!.topAgreement).toEqual(whole.divergence!.topAgreement)
  }
})

test('the interpreter and ONNX Runtime agree', async () => {
  const options = { model: rough, base, ids: text, length: 20 }
  const [a, b] = [await evaluate({ ...options, backend: reference }), await evaluate({ ...options, backend: onnx })]
  expect(Math.abs(a.perplexity.value - b.perplexity.value)).toBeLessThan(1e-4)
  expect(Math.abs(a.divergence!.kl.value - b.divergence!.kl.value)).toBeLessThan(1e-6)
})

test('the result survives JSON, and fewer windows are fewer', async () => {
  const result = await evaluate({ model: rough, base, ids: text, length: 20, windows: 2, backend: onnx })
  expect(JSON.parse(JSON.stringify(result))).toEqual(result)
  expect(result.windows).toBe(2)
})

test('progress reaches its totals and never goes back', async () => {
  const seen: EvaluationProgress[] = []
  await evaluate({
    model: rough,
    base,
    ids: text,
    length: 20,
    backend: onnx,
    groupBytes: 1,
    onProgress: p => seen.push(p),
  })
  for (const stage of ['base', 'model', 'head'] as const) {
    const steps = seen.filter(p => p.stage === stage)
    expect(steps.at(-1)!.done).toBe(steps.at(-1)!.total)
    expect(steps.map(p => p.done)).toEqual(steps.map(p => p.done).sort((a, b) => a - b))
  }
})

test('an evaluation can be stopped', async () => {
  const controller = new AbortController()
  const onProgress = () => controller.abort()
  const run = evaluate({ model: base, ids: text, length: 20, backend: onnx, signal: controller.signal, onProgress })
  await expect(run).rejects.toThrow('abort')
})

/** One id a character, with a begin token. */
const letters = (shift: number, bos: boolean): Tokenizer =>
  ({
    vocabSize: 96,
    bosId: 1,
    encode: (text: string, { addSpecialTokens = true } = {}) => [
      ...(bos && addSpecialTokens ? [1] : []),
      ...Array.from(text, c => (c.charCodeAt(0) + shift) % 96),
    ],
  }) as unknown as Tokenizer

describe('texts', () => {
  const sentence = 'a text of some length, cut into windows by its letters'

  test('protocol A takes the text without special tokens', async () => {
    const model = { ...base, tokenizer: letters(0, true) }
    const ids = model.tokenizer.encode(sentence, { addSpecialTokens: false })
    const [a, b] = [
      await evaluate({ model, text: sentence, length: 16, backend: onnx }),
      await evaluate({ model, ids, length: 16, backend: onnx }),
    ]
    expect(a).toEqual(b)
  })

  test('protocol B puts the begin token in place where the tokenizer wants it', async () => {
    expect(wantedBos(letters(0, true))).toBe(1)
    expect(wantedBos(letters(0, false))).toBeUndefined()
    const run = (bos: boolean) =>
      evaluate({
        model: { ...base, tokenizer: letters(0, bos) },
        text: sentence,
        length: 16,
        protocol: 'B',
        backend: onnx,
      })
    expect((await run(true)).perplexity.value).not.toBe((await run(false)).perplexity.value)
  })

  test('errors say what was expected and what came', async () => {
    const model = { ...base, tokenizer: letters(0, false) }
    const run = (options: Partial<Parameters<typeof evaluate>[0]>) =>
      evaluate({ model, length: 64, backend: onnx, ...options })
    await expect(run({ text: '' })).rejects.toThrow('the evaluation text is empty')
    await expect(run({ text: sentence })).rejects.toThrow(`it has ${sentence.length} tokens, and 64 are needed`)
    await expect(run({})).rejects.toThrow('either a text or token ids, got neither')
    await expect(run({ text: 'x', ids: [1] })).rejects.toThrow('either a text or token ids, got both')
    await expect(run({ model: base, text: sentence })).rejects.toThrow('has no tokenizer')
    await expect(run({ ids: [...text.subarray(0, 63), 96] })).rejects.toThrow('token id 96 is outside the vocabulary')
  })

  test('a base with another vocabulary or tokenizer is refused', async () => {
    const model = { ...base, tokenizer: letters(0, false) }
    const bigger = { ...base, config: { ...base.config, vocabSize: 97 } }
    const other = { ...base, tokenizer: letters(1, false) }
    await expect(evaluate({ model, base: bigger, ids: text, backend: onnx })).rejects.toThrow('has 96 tokens')
    await expect(evaluate({ model, base: other, text: sentence, backend: onnx })).rejects.toThrow(
      'the tokenizers differ',
    )
  })
})
