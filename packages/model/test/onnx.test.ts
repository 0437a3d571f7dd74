import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createModel, families, openCheckpoint, openModel, writeOnnx } from '@sinter/model'
import { randomCheckpoint, tinyLlama } from '@sinter/model/testing'
import { referenceBackend, type Tensor } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { logits } from '../src/head.ts'
import type { Model } from '../src/model.ts'
import { type FolderName, folderPath, folders, tellLeftOut, withFolder } from './helpers/family-folders.ts'
import { openDecoder, withTemporary } from './helpers/onnx-session.ts'

type Options = Omit<Parameters<typeof writeOnnx>[2], 'type'>

/** Exports a recorded checkpoint and opens it in ONNX Runtime. */
async function exported<T>(
  name: FolderName,
  type: string,
  options: Options,
  body: (folder: string, model: string) => Promise<T>,
): Promise<T> {
  const checkpoint = await openCheckpoint(folderPath(name))
  try {
    return await withTemporary(async folder => {
      const { file } = await writeOnnx(folder, checkpoint, { type, ...options })
      return body(folder, join(folder, file))
    })
  } finally {
    await checkpoint.close()
  }
}

const rowsOf = ({ shape, data }: Tensor): number[][] => {
  const [rows, width] = shape as [number, number]
  return Array.from({ length: rows }, (_, row) =>
    Array.from(data as ArrayLike<number>, Number).slice(row * width, (row + 1) * width),
  )
}

/** Our own forward pass, in plain loops: f64 `[rows · tokens, vocabulary]`. */
async function ours(model: Model, rows: readonly (readonly number[])[]): Promise<Float32Array> {
  const ids: Tensor = { dtype: 'i32', shape: [rows.length, rows[0]!.length], data: Int32Array.from(rows.flat()) }
  return (await logits(model, referenceBackend(), ids)).get('logits')!.data as Float32Array
}

/** Largest difference, as a part of the largest value. */
function relative(got: Float32Array, expected: Float32Array): number {
  expect(got.length).toBe(expected.length)
  let [worst, largest] = [0, 0]
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - expected[i]!)
    if (!(difference <= worst)) worst = difference
    largest = Math.max(largest, Math.abs(expected[i]!))
  }
  return worst / largest
}

/** Of logits `[rows, tokens, vocabulary]`, those at position `t`: `[rows, vocabulary]`. */
function at(all: Float32Array, rows: number, tokens: number, t: number): Float32Array {
  const width = all.length / rows / tokens
  const parts = Array.from({ length: rows }, (_, row) => [
    ...all.subarray((row * tokens + t) * width, (row * tokens + t + 1) * width),
  ])
  return Float32Array.from(parts.flat())
}

describe('an exported decoder computes what we compute', () => {
  tellLeftOut()
  test.each(folders)('%s: a prompt, and token by token over its cache', name =>
    withFolder(name, ({ model, expected }) =>
      exported(name, 'fp32', {}, async (_, file) => {
        const rows = rowsOf(expected.tensor('input_ids'))
        const length = rows[0]!.length
        const wanted = await ours(model, rows)
        const whole = await openDecoder(file, model.config)
        expect(relative(await whole.step({ ids: rows }), wanted)).toBeLessThan(1e-4)
        await whole.close()
        // Dynamic rope turns every call by its own angles, so that a cache and a whole prompt are not the same.
        if (model.config.rope?.type === 'dynamic') return
        const half = length >> 1
        const cached = await openDecoder(file, model.config)
        const first = await cached.step({ ids: rows.map(row => row.slice(0, half)), keep: 1 })
        expect(relative(first, at(wanted, rows.length, length, half - 1))).toBeLessThan(1e-4)
        for (let t = half; t < length; t++) {
          const next = await cached.step({ ids: rows.map(row => row.slice(t, t + 1)), keep: 1 })
          expect(relative(next, at(wanted, rows.length, length, t))).toBeLessThan(1e-4)
        }
        await cached.close()
      }),
    ),
  )
})

/** Heads of 8, for which there is a kernel, and of 10, for which there is none. */
const sizes = [
  { hidden_size: 32, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 8 },
  { hidden_size: 40, num_attention_heads: 4, num_key_value_heads: 4, head_dim: 10 },
]
const everywhere = families.flatMap(({ modelTypes: [name] }) => sizes.map(size => [name!, size] as const))

describe('every family, with random weights', () => {
  test.each(everywhere)('%s %j: token by token', (modelType, size) =>
    withTemporary(async folder => {
      const heads = size.num_attention_heads
      // Families whose keys have no heads of their own ignore them.
      const own = ['gpt2', 'opt', 'gpt_neox'].includes(modelType) ? { num_key_value_heads: heads } : {}
      const config = { ...tinyLlama, ...size, ...own, model_type: modelType, sliding_window: 5 }
      const checkpoint = randomCheckpoint(config)
      const { file } = await writeOnnx(folder, checkpoint, { type: 'fp32' })
      const model = createModel({ ...checkpoint, path: 'random' })
      const rows = [Array.from({ length: 12 }, (_, i) => (11 * i + 2) % 40)]
      const wanted = await ours(model, rows)
      const decoder = await openDecoder(join(folder, file), model.config)
      for (let t = 0; t < 12; t++)
        expect(relative(await decoder.step({ ids: [[rows[0]![t]!]] }), at(wanted, 1, 12, t))).toBeLessThan(1e-4)
      await decoder.close()
    }),
  )
})

describe('rounded matrices', () => {
  const cases = [
    { type: 'q4', embeddings: 8 },
    { type: 'q4', embeddings: 4, gatherBlocks: true },
    { type: 'q4', embeddings: 4 },
    { type: 'q8', embeddings: 8 },
    { type: 'q8', embeddings: 8, gatherBlocks: true },
    { type: 'q2', embeddings: 2 },
    { type: 'q2', embeddings: 2, gatherBlocks: true },
    { type: 'q4', embeddings: 'f16' },
    { type: 'fp16' },
  ] as const
  test.each(cases)('%j: the model that is read back computes the same', ({ type, ...options }) =>
    exported('llama-rope-llama3', type, { ...options, accuracyLevel: 1, blockSize: 16 }, async (folder, file) => {
      const model = await openModel(folder)
      const rows = [Array.from({ length: 20 }, (_, i) => (7 * i + 3) % model.config.vocabSize)]
      const decoder = await openDecoder(file, model.config)
      expect(relative(await decoder.step({ ids: rows }), await ours(model, rows))).toBeLessThan(1e-4)
      await decoder.close()
      await model.close()
    }),
  )

  test('int8: matrices and activations in 8 bits stay near to what the matrices alone give', () =>
    exported('llama-rope-llama3', 'int8', {}, async (folder, file) => {
      const model = await openModel(folder)
      const rows = [Array.from({ length: 20 }, (_, i) => (7 * i + 3) % model.config.vocabSize)]
      const decoder = await openDecoder(file, model.config)
      const difference = relative(await decoder.step({ ids: rows }), await ours(model, rows))
      expect(difference).toBeLessThan(0.05)
      // Rounding of activations that changed nothing would be none.
      expect(difference).toBeGreaterThan(1e-4)
      await decoder.close()
      await model.close()
    }))

  test('the same bytes at every export, and rounding that is worth its bits', async () => {
    const path = folderPath('llama-rope-llama3')
    const model = await openModel(path)
    const rows = [Array.from({ length: 20 }, (_, i) => (7 * i + 3) % model.config.vocabSize)]
    const wanted = await ours(model, rows)
    const errors: number[] = []
    for (const type of ['q8', 'q4', 'q2'])
      await exported('llama-rope-llama3', type, {}, async folder => {
        const rounded = await openModel(folder)
        errors.push(relative(await ours(rounded, rows), wanted))
        await rounded.close()
      })
    await model.close()
    expect(errors[0]).toBeLessThan(0.05)
    expect(errors[1]).toBeGreaterThan(errors[0]!)
    expect(errors[2]).toBeGreaterThan(errors[1]!)
    const bytes = () =>
      exported('llama-rope-llama3', 'q4', {}, async folder =>
        readdirSync(join(folder, 'onnx')).map(name => readFileSync(join(folder, 'onnx', name))),
      )
    expect(await bytes()).toEqual(await bytes())
  })
})

test('rows of several lengths, filled up on the left, give what each gives alone', () =>
  exported('llama-rope-llama3', 'fp32', {}, async (folder, file) => {
    const model = await openModel(folder)
    const vocabulary = model.config.vocabSize
    const [short, long] = [
      [5, 9, 2],
      [4, 8, 1, 7, 3, 6],
    ]
    const next = 11
    const decoder = await openDecoder(file, model.config)
    const mask = [
      [0, 0, 0, 1, 1, 1],
      [1, 1, 1, 1, 1, 1],
    ]
    const first = await decoder.step({ ids: [[0, 0, 0, ...short], long], mask, keep: 1 })
    const second = await decoder.step({ ids: [[next], [next]], mask: mask.map(row => [...row, 1]), keep: 1 })
    const alone = async (ids: readonly number[]) => (await ours(model, [ids])).slice(-vocabulary)
    expect(relative(first.slice(0, vocabulary), await alone(short))).toBeLessThan(1e-4)
    expect(relative(first.slice(vocabulary), await alone(long))).toBeLessThan(1e-4)
    expect(relative(second.slice(0, vocabulary), await alone([...short, next]))).toBeLessThan(1e-4)
    expect(relative(second.slice(vocabulary), await alone([...long, next]))).toBeLessThan(1e-4)
    await decoder.close()
    await model.close()
  }))

test('data are spread over files of bounded size, and found again', () =>
  exported('llama-rope-llama3', 'fp32', { maxChunkBytes: 20_000 }, async (folder, file) => {
    const names = readdirSync(join(folder, 'onnx')).sort()
    expect(names.slice(0, 4)).toEqual(['model.onnx', 'model.onnx_data', 'model.onnx_data_1', 'model.onnx_data_10'])
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
    expect(config['transformers.js_config']).toEqual({
      dtype: 'fp32',
      use_external_data_format: { 'model.onnx': names.length - 1 },
    })
    const model = await openModel(folder)
    const original = await openModel(folderPath('llama-rope-llama3'))
    const rows = [[1, 2, 3, 4]]
    const wanted = await ours(original, rows)
    expect(relative(await ours(model, rows), wanted)).toBe(0)
    const decoder = await openDecoder(file, model.config)
    expect(relative(await decoder.step({ ids: rows }), wanted)).toBeLessThan(1e-4)
    await decoder.close()
    await model.close()
    await original.close()
  }))

test('for onnxruntime-genai: its configuration, and no input that it would not feed', () =>
  exported('llama-rope-llama3', 'q4', { genai: true, blockSize: 16, accuracyLevel: 1 }, async (folder, file) => {
    const genai = JSON.parse(readFileSync(join(folder, 'genai_config.json'), 'utf8'))
    expect(genai.model.decoder).toMatchObject({
      filename: 'onnx/model_q4.onnx',
      inputs: { past_key_names: 'past_key_values.%d.key' },
      outputs: { present_value_names: 'present.%d.value' },
    })
    const model = await openModel(folder)
    const decoder = await openDecoder(file, model.config)
    const rows = [[1, 2, 3]]
    expect(relative(await decoder.step({ ids: rows }), await ours(model, rows))).toBeLessThan(1e-4)
    await decoder.close()
    await model.close()
  }))
