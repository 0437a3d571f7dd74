import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodeValues, encodingNamed, openGguf, openModel, readImatrix, writeImatrix } from '@sinter/model'
import { referenceBackend, toF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { collectImportance } from '../src/convert/collect-importance.ts'
import type { Conversion, ConvertResult } from '../src/convert/conversion.ts'
import { type ConversionOptions, openConversion } from '../src/convert/convert.ts'
import { lossOf } from '../src/convert/losses.ts'
import { demo, demoPath, folder, refusal, words } from './plan-setup.ts'

const at = (name: string): string => join(folder, name)

async function planned(input: string, options: ConversionOptions): Promise<Conversion> {
  const conversion = await openConversion(input, options)
  await conversion.close()
  return conversion
}

async function convert(input: string, out: string, options: ConversionOptions): Promise<ConvertResult> {
  const conversion = await openConversion(input, options)
  try {
    const events = conversion.write({ out: at(out), threads: 2 })
    while (true) {
      const { done, value } = await events.next()
      if (done) return value
      expect(value.done).toBeLessThanOrEqual(value.total)
    }
  } finally {
    await conversion.close()
  }
}

const types = ({ rows }: Conversion, ending: string): string[] =>
  rows.filter(({ tensor }) => tensor.endsWith(ending)).map(({ to }) => to)

describe('to a mix', () => {
  test('every tensor has the mix’s type, and the bytes of its values', async () => {
    const { path } = await convert(demoPath, 'mix.gguf', { to: 'gguf:q4_k_m' })
    const file = await openGguf(path)
    expect(file.metadata.get('general.file_type')).toMatchObject({ value: 15 })
    expect(file.info('token_embd.weight').encoding).toBe('Q6_K')
    const stored = 'model.layers.3.mlp.down_proj.weight'
    const values = toF32(await demo.source.read(stored)).data as Float32Array
    const expected = encodeValues(encodingNamed('Q6_K'), values, 768)
    expect(Buffer.from(await file.readBytes('blk.3.ffn_down.weight')).equals(expected)).toBe(true)
    await file.close()
  })

  test('a checkpoint gives the file that its GGUF of plain numbers gives', async () => {
    await convert(demoPath, 'demo-model', { to: 'gguf:BF16' })
    await convert(at('demo-model/model.gguf'), 'two-steps.gguf', { to: 'gguf:Q3_K_M' })
    await convert(demoPath, 'one-step.gguf', { to: 'gguf:Q3_K_M' })
    expect((await readFile(at('one-step.gguf'))).equals(await readFile(at('two-steps.gguf')))).toBe(true)
  })

  test('a type that is not there is told with those that are', async () => {
    const error = await refusal(openConversion(demoPath, { to: 'gguf:Q4_K_X' }))
    expect(error.message).toContain('did you mean "Q4_K_')
    expect((await refusal(openConversion(demoPath, { to: 'zip' }))).code).toBe('unknown-name')
  })

  test('it does not write over what is there, nor into the input', async () => {
    await convert(demoPath, 'there.gguf', { to: 'gguf:Q8_0' })
    expect((await refusal(convert(demoPath, 'there.gguf', { to: 'gguf:Q8_0' }))).message).toContain('exists')
  })
})

describe('what is lost', () => {
  test.each([
    ['BF16', 'F32', 'nothing'],
    ['BF16', 'F16', 'rounded'],
    ['F32', 'BF16', 'rounded'],
    ['F16', 'BF16', 'rounded'],
    ['F16', 'Q8_0', 'rounded'],
    ['Q4_0', 'Q4_0', 'nothing'],
    ['Q4_0', 'F32', 'nothing'],
    ['Q4_0', 'F16', 'rounded again'],
    ['Q4_0', 'Q8_0', 'rounded again'],
    ['I32', 'F32', 'rounded'],
  ])('%s to %s: %s', (from, to, loss) => expect(lossOf(from, to)).toBe(loss))

  test('is said before anything is written', async () => {
    await convert(demoPath, 'q4.gguf', { to: 'gguf:Q4_0' })
    expect((await planned(at('q4.gguf'), { to: 'gguf:Q8_0' })).losses).toEqual([
      '1 tensor of Q6_K is rounded a second time, to Q8_0: further from the original than if that were converted',
      '28 tensors of Q4_0 are rounded a second time, to Q8_0: further from the original than if that were converted',
    ])
    expect((await planned(at('q4.gguf'), { to: 'hf:f32' })).losses).toEqual([])
    expect((await planned(demoPath, { to: 'gguf:BF16' })).losses).toEqual([])
    expect((await planned(demoPath, { to: 'hf:f16' })).losses[0]).toContain('rounded to F16: beyond 65504')
  })
})

describe('to a folder', () => {
  test('the values of a GGUF’s blocks, and its tokenizer', async () => {
    await convert(demoPath, 'for-folder.gguf', { to: 'gguf:Q5_K_M' })
    await convert(at('for-folder.gguf'), 'folder', { to: 'hf:f32' })
    const [a, b] = await Promise.all([at('for-folder.gguf'), at('folder')].map(openModel))
    for (const name of a!.source.names())
      expect(toF32(await b!.source.read(name)).data).toEqual(toF32(await a!.source.read(name)).data)
    expect(b!.tokenizer?.encode('Anna took the apple')).toEqual(a!.tokenizer?.encode('Anna took the apple'))
    await a!.close()
    await b!.close()
  })
})

describe('importance', () => {
  const collect = (samples: number) =>
    collectImportance(demoPath, { text: words, samples, length: 32, backend: referenceBackend() })

  test('sums of squares of what enters the first layer, over all tokens', async () => {
    const matrix = await collect(2)
    expect([...matrix.entries.keys()].sort().slice(0, 7)).toEqual(
      ['attn_k', 'attn_output', 'attn_q', 'attn_v', 'ffn_down', 'ffn_gate', 'ffn_up'].map(
        name => `blk.0.${name}.weight`,
      ),
    )
    expect(matrix).toMatchObject({ datasets: [words], chunks: 2, chunkSize: 32 })
    expect(matrix.entries.get('blk.0.attn_q.weight')).toEqual(matrix.entries.get('blk.0.attn_v.weight'))
    const ids = demo.tokenizer!.encode(await readFile(words, 'utf8'), { addSpecialTokens: false })
    const expected = await squaresOfFirstInput(Array.from(ids).slice(0, 64))
    const { sums, counts } = matrix.entries.get('blk.0.attn_q.weight')!
    expect(counts).toEqual([64])
    for (const [i, sum] of sums.entries()) expect(sum / expected[i]!).toBeCloseTo(1, 4)
  })

  /** RMSNorm of the embedding, by the book. f64 [256] */
  async function squaresOfFirstInput(ids: readonly number[]): Promise<Float64Array> {
    const embedding = toF32(await demo.source.read('model.embed_tokens.weight')).data
    const norm = toF32(await demo.source.read('model.layers.0.input_layernorm.weight')).data
    const sums = new Float64Array(256)
    for (const id of ids) {
      const x = embedding.subarray(256 * id, 256 * (id + 1))
      const scale = 1 / Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / 256 + 1e-5)
      for (let i = 0; i < 256; i++) sums[i]! += (x[i]! * scale * norm[i]!) ** 2
    }
    return sums
  }

  test('makes types possible that are refused without, and is noted in the file', async () => {
    const error = await refusal(openConversion(demoPath, { to: 'gguf:IQ2_XXS' }))
    expect(error.message).toContain('IQ2_XXS needs the importance of every column: 24 matrices have none')
    await writeImatrix(at('imatrix.gguf'), await collect(1))
    const conversion = await planned(demoPath, { to: 'gguf:IQ2_XXS', imatrix: at('imatrix.gguf') })
    expect(types(conversion, 'attn_q.weight')).toEqual(['IQ2_XXS', 'IQ2_XXS', 'IQ2_XXS', 'IQ2_XXS'])
    expect(conversion.rows.filter(row => row.weighed)).toHaveLength(28)
    const { path } = await convert(demoPath, 'iq2.gguf', { to: 'gguf:IQ2_XXS', imatrix: at('imatrix.gguf') })
    const file = await openGguf(path)
    expect([...file.metadata].slice(-6).map(([key, { value }]) => [key, value])).toEqual([
      ['general.quantization_version', 2],
      ['general.file_type', 19],
      ['quantize.imatrix.file', at('imatrix.gguf').slice(0, 127)],
      ['quantize.imatrix.dataset', words.slice(0, 127)],
      ['quantize.imatrix.entries_count', 28],
      ['quantize.imatrix.chunks_count', 1],
    ])
    await file.close()
  })

  test('of another model is refused', async () => {
    const { entries, ...rest } = await readImatrix(at('imatrix.gguf'))
    const short = [...entries].map(([name, { counts }]) => [name, { sums: new Float32Array(8), counts }] as const)
    await writeImatrix(at('short.gguf'), { ...rest, entries: new Map(short) })
    const wrong = await refusal(openConversion(demoPath, { to: 'gguf:Q4_K_M', imatrix: at('short.gguf') }))
    expect(wrong.message).toContain('has 8 sums for blk.0.')
    const other = [...entries].map(([name, entry]) => [name.replace('blk', 'layer'), entry] as const)
    await writeImatrix(at('other.gguf'), { ...rest, entries: new Map(other) })
    const none = await refusal(openConversion(demoPath, { to: 'gguf:Q4_K_M', imatrix: at('other.gguf') }))
    expect(none.message).toContain('none of its 28 entries is a matrix of this model')
  })

  test('a text that is too short is refused', async () => {
    expect((await refusal(collect(1e6))).code).toBe('calibration')
  })
})
