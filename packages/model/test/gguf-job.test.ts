import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRng, f32, type TensorF32, toF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeValues, encodingNamed } from '../src/formats/encodings.ts'
import { type GgufSource, openGguf } from '../src/formats/gguf.ts'
import { writeGguf } from '../src/formats/gguf-convert.ts'
import { type GgufJobTensor, writeGgufJob } from '../src/formats/gguf-job.ts'
import { ggufLayout, toGgufLayout } from '../src/formats/gguf-layout.ts'
import { requantizeJob } from '../src/formats/gguf-requantize.ts'
import { checkpointRows, heldRows } from '../src/formats/gguf-rows.ts'
import { ggufArray, ggufString, ggufU32 } from '../src/formats/gguf-value.ts'
import { createGgufWriter } from '../src/formats/gguf-write.ts'
import { randomCheckpoint, tinyLlama } from '../src/testing/random-model.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-job-'))
})
afterAll(() => rm(folder, { recursive: true }))

const rng = createRng('job')
const random = (...shape: number[]): TensorF32 =>
  f32(
    shape,
    Float32Array.from({ length: shape.reduce((n, dim) => n * dim, 1) }, () => rng.normal()),
  )

const jobTensor = (name: string, value: TensorF32, encoding: string, importance?: Float32Array): GgufJobTensor => ({
  name,
  shape: value.shape,
  encoding: encodingNamed(encoding),
  importance,
  open: async () => heldRows(value),
})

async function opened<T>(path: string, use: (file: GgufSource) => Promise<T>): Promise<T> {
  const file = await openGguf(path)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

describe('a file written by pieces', () => {
  /** Larger than a piece, smaller, of one axis, and of experts. */
  const wide = random(2100, 512)
  const tensors = [
    jobTensor('wide', wide, 'Q4_K'),
    jobTensor('small', random(7, 64), 'Q8_0'),
    jobTensor('norm', random(64), 'F32'),
    jobTensor('half', random(300, 64), 'BF16'),
  ]

  it('has the same bytes whoever encodes it, and those of the whole tensor at once', async () => {
    const written = await Promise.all(
      [1, 3].map(async threads => {
        const path = join(folder, `threads-${threads}.gguf`)
        await writeGgufJob(path, { metadata: new Map(), tensors }, { threads })
        return path
      }),
    )
    const [one, three] = await Promise.all(written.map(path => readFile(path)))
    expect(three!.equals(one!)).toBe(true)
    const stored = await opened(written[0]!, file => file.readBytes('wide'))
    expect(Buffer.from(stored).equals(encodeValues(encodingNamed('Q4_K'), wide.data, 512))).toBe(true)
  })

  it('tells of its values to the last, and of every tensor', async () => {
    const values: number[] = []
    const done: number[] = []
    await writeGgufJob(
      join(folder, 'told.gguf'),
      { metadata: new Map(), tensors },
      {
        onValues: (at, total) => values.push(at / total),
        onTensor: at => done.push(at),
      },
    )
    expect(values.at(-1)).toBe(1)
    expect(values).toEqual(values.toSorted((a, b) => a - b))
    expect(done).toEqual([1, 2, 3, 4])
  })

  it('every expert is weighed with its own importance', async () => {
    const experts = random(3, 8, 256)
    const importance = Float32Array.from({ length: 3 * 256 }, () => rng.uniform() ** 4)
    const path = join(folder, 'experts.gguf')
    await writeGgufJob(path, { metadata: new Map(), tensors: [jobTensor('exps', experts, 'Q2_K', importance)] })
    const stored = await opened(path, file => file.readBytes('exps'))
    const parts = [0, 1, 2].map(e =>
      encodeValues(
        encodingNamed('Q2_K'),
        experts.data.subarray(e * 2048, (e + 1) * 2048),
        256,
        importance.subarray(e * 256, (e + 1) * 256),
      ),
    )
    expect(Buffer.from(stored).equals(Buffer.concat(parts))).toBe(true)
  })

  it.each(['IQ1_S', 'IQ2_XXS', 'IQ2_XS'])('%s without importance is refused, not made up', async name => {
    const path = join(folder, 'unweighed.gguf')
    const tensor = jobTensor('a', { dtype: 'f32', shape: [2, 256], data: new Float32Array(512).fill(1) }, name)
    await expect(writeGgufJob(path, { metadata: new Map(), tensors: [tensor] })).rejects.toThrow(
      `${name} is encoded with the importance of every column`,
    )
    await expect(readFile(path)).rejects.toThrow('ENOENT')
  })

  it('leaves nothing behind when it is stopped, or a source fails', async () => {
    const path = join(folder, 'stopped.gguf')
    const stopped = writeGgufJob(path, { metadata: new Map(), tensors }, { signal: AbortSignal.abort() })
    await expect(stopped).rejects.toThrow('aborted')
    const failing = { ...tensors[0]!, open: () => Promise.reject(new Error('the disk is gone')) }
    await expect(writeGgufJob(path, { metadata: new Map(), tensors: [failing] })).rejects.toThrow('the disk is gone')
    await expect(readFile(path)).rejects.toThrow('ENOENT')
  })
})

describe('rows of a checkpoint', () => {
  it('in the order of llama.cpp’s rope, any piece of them', async () => {
    const { config, source } = randomCheckpoint(tinyLlama, 'rows')
    const name = 'model.layers.0.self_attn.q_proj.weight'
    const { ggufFamilyOf } = await import('../src/formats/gguf-families.ts')
    const layout = ggufLayout(ggufFamilyOf('llama'), name, { heads: 4, kvHeads: 2, headDim: 4 }, 16)
    const whole = toGgufLayout(layout, toF32(await source.read(name)))
    const tensor = { name: 'blk.0.attn_q.weight', from: name, shape: [16, 16], layout, keepF32: false }
    const rows = await checkpointRows(tensor, source)
    expect(layout.rowOrder).toBeDefined()
    expect(config.hidden_size).toBe(16)
    for (const [start, count] of [
      [0, 16],
      [3, 7],
      [15, 1],
    ] as const) {
      const bytes = await rows.read(start, count, new Uint8Array(count * 64))
      const expected = whole.data.slice(start * 16, (start + count) * 16)
      expect(Buffer.from(bytes).equals(Buffer.from(expected.buffer))).toBe(true)
    }
  })
})

describe('a GGUF file as another', () => {
  const make = async (name: string): Promise<string> => {
    const path = join(folder, name)
    const specs = ['blk.10.b.weight', 'blk.2.a.weight', 'output_norm.weight'].map(tensor => ({
      name: tensor,
      encoding: encodingNamed('F32'),
      shape: tensor.startsWith('blk') ? [4, 32] : [32],
    }))
    const metadata = new Map([
      ['general.architecture', ggufString('from-next-year')],
      ['general.file_type', ggufU32(0)],
      ['split.count', { type: 'u16', value: 1 } as const],
      ['tokenizer.ggml.tokens', ggufArray('string', ['a', 'ü', ''])],
    ])
    const writer = await createGgufWriter(path, metadata, specs)
    for (const { name: tensor, shape } of specs) await writer.write(tensor, random(...shape))
    await writer.commit()
    return path
  }

  it('keeps what it says of a model that is not known here; the type and the order are llama-quantize’s', async () => {
    const [input, output] = [await make('in.gguf'), join(folder, 'out.gguf')]
    await opened(input, file =>
      writeGgufJob(
        output,
        requantizeJob(file, { encodingOf: name => (name.startsWith('blk') ? 'Q8_0' : 'F32'), fileType: 7 }),
      ),
    )
    await opened(output, async file => {
      expect([...file.metadata].map(([key, value]) => [key, value.value])).toEqual([
        ['general.architecture', 'from-next-year'],
        ['tokenizer.ggml.tokens', ['a', 'ü', '']],
        ['general.quantization_version', 2],
        ['general.file_type', 7],
      ])
      expect(file.names()).toEqual(['output_norm.weight', 'blk.2.a.weight', 'blk.10.b.weight'])
      const original = await opened(input, source => source.read('blk.2.a.weight'))
      const expected = encodeValues(encodingNamed('Q8_0'), toF32(original).data, 32)
      expect(Buffer.from(await file.readBytes('blk.2.a.weight')).equals(expected)).toBe(true)
    })
  })

  it('a file of blocks that stay is copied to the byte', async () => {
    const { config, source } = randomCheckpoint({ ...tinyLlama, hidden_size: 32, intermediate_size: 64 }, 'copy')
    const [input, output] = [join(folder, 'q4.gguf'), join(folder, 'copy.gguf')]
    await writeGguf(input, { config, source }, { encoding: 'Q4_0' })
    await opened(input, file =>
      writeGgufJob(output, requantizeJob(file, { encodingOf: (_, { encoding }) => encoding, fileType: 2 })),
    )
    expect((await readFile(output)).equals(await readFile(input))).toBe(true)
  })
})
