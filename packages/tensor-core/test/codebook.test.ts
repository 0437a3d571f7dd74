import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type BlockScales,
  type Codebook,
  codebookWeight,
  decodeWeight,
  dynamicMap,
  encodeWeight,
  f32,
  graph,
  input,
  packHighFirst,
  pullback,
  referenceBackend,
  toTensor,
  totalBits,
  unpackHighFirst,
} from '../src/index.ts'
import { golden } from './golden.ts'

const recorded = golden('bitsandbytes/fourbit')
const floats = (name: string) => recorded[name]!.data as Float32Array
const bytes = (name: string) => recorded[name]!.data as Uint8Array

describe('bitsandbytes 0.50.2', () => {
  test('the signed dynamic map, to the last bit', () => {
    expect(dynamicMap()).toEqual(floats('dynamic_map'))
    expect(dynamicMap()).toEqual(floats('nf4.b64.double.nested_map'))
  })

  const doubled = (at: string): BlockScales => ({
    codes: bytes(`${at}.double.absmax_codes`),
    absmax: floats(`${at}.double.nested_absmax`),
    offset: floats(`${at}.double.offset`)[0]!,
  })

  for (const table of ['nf4', 'fp4'])
    test(`${table}: stored codes and scales decode to the same f32, with and without double quantization`, () => {
      const at = `${table}.b64`
      const decoded = (scales: BlockScales) =>
        codebookWeight({
          shape: [48, 128],
          bits: 4,
          levels: floats(`${table}_table`),
          blockSize: 64,
          packed: bytes(`${at}.packed`),
          scales,
        }).dense().data
      expect(decoded(floats(`${at}.absmax`))).toEqual(floats(`${at}.dequant`))
      expect(decoded(doubled(at))).toEqual(floats(`${at}.double.dequant`))
    })
})

test('packing goes from the high end: the first of two 4-bit codes is the high nibble', () => {
  expect(packHighFirst(Uint8Array.of(1, 2, 3), 4)).toEqual(Uint8Array.of(0x12, 0x30))
  expect(packHighFirst(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0), 3)).toEqual(
    Uint8Array.of(0b00101001, 0b11001011, 0b10111000),
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(),
      fc.nat(),
      (bits, raw, a, b) => {
        const codes = raw.map(code => code & (2 ** bits - 1))
        const [from, end] = [a % (codes.length + 1), b % (codes.length + 1)].sort((x, y) => x - y) as [number, number]
        const out = new Uint8Array(end - from)
        unpackHighFirst(packHighFirst(codes, bits), bits, from, end - from, out)
        expect(out).toEqual(codes.slice(from, end))
      },
    ),
  )
})

const small = (extra: Partial<Codebook> = {}) =>
  codebookWeight({
    shape: [3, 5],
    bits: 2,
    levels: Float32Array.of(-1, 0, 0.5, 1),
    blockSize: 4,
    packed: packHighFirst(Uint8Array.of(0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2), 2),
    scales: Float32Array.of(1, 2, 4, 8),
    ...extra,
  })

test('blocks run on over the ends of rows, and the last is what is left', () => {
  expect(Array.from(small().dense().data)).toEqual([-1, 0, 0.5, 1, -2, 0, 1, 2, -4, 0, 2, 4, -8, 0, 4])
  const row = new Float32Array(5)
  small().denseRows(1, 2, row)
  expect(Array.from(row)).toEqual([0, 1, 2, -4, 0])
})

test('a block longer than what is unpacked at a time', () => {
  const count = 10_001
  const codes = Uint8Array.from({ length: count }, (_, k) => (k * 7) % 4)
  const levels = Float32Array.of(-1, 0, 0.5, 1)
  const scales = Float32Array.of(2, 3)
  const { data } = small({ shape: [1, count], blockSize: 9000, packed: packHighFirst(codes, 2), scales }).dense()
  expect(data).toEqual(Float32Array.from(codes, (code, k) => levels[code]! * scales[Math.floor(k / 9000)]!))
})

test('codes enter the graph as bytes where blocks are whole, and the matrix enters it where they are not', () => {
  const x = input('x', 'f32', ['tokens', 5])
  const whole = small({ blockSize: 3, scales: Float32Array.of(1, 2, 3, 4, 5) })
  expect(Object.keys(whole.inputs('w')).sort()).toEqual(['w.codes', 'w.levels', 'w.scales'])
  expect(whole.inputs('w')['w.codes']).toMatchObject({ dtype: 'u8', shape: [5, 3] })
  expect(whole.emit(x, 'w').shape).toEqual(['tokens', 3])
  expect(Object.keys(small().inputs('w'))).toEqual(['w'])
})

test('gradients flow through what is emitted: to the input, the table and the scales', async () => {
  const weight = small({ blockSize: 3, scales: Float32Array.of(1, 2, 4, 8, 16) })
  const forward = graph({ y: weight.emit(input('x', 'f32', [2, 5]), 'w') })
  const back = pullback(forward, { given: { y: 'dy' }, wrt: ['x', 'w.levels', 'w.scales'] })
  const x = Float32Array.from({ length: 10 }, (_, k) => (k % 4) - 1)
  const dy = Float32Array.from({ length: 6 }, (_, k) => (k % 3) - 1.5)
  const program = await referenceBackend().compile(back)
  const result = await program.run({ ...weight.inputs('w'), x: f32([2, 5], x), dy: f32([2, 3], dy) })
  const got = async (name: string) => Array.from((await toTensor(result[`grad.${name}`]!)).data as Float32Array)

  const w = weight.dense().data
  const dx = new Array(10).fill(0)
  const dw = new Array(15).fill(0)
  for (let t = 0; t < 2; t++)
    for (let o = 0; o < 3; o++)
      for (let i = 0; i < 5; i++) {
        dx[t * 5 + i] += dy[t * 3 + o]! * w[o * 5 + i]!
        dw[o * 5 + i] += dy[t * 3 + o]! * x[t * 5 + i]!
      }
  const { levels } = weight.codebook
  const dLevels = new Array(4).fill(0)
  const dScales = new Array(5).fill(0)
  for (const [k, d] of dw.entries()) {
    dLevels[k % 4] += d * 2 ** Math.floor(k / 3)
    dScales[Math.floor(k / 3)] += d * levels[k % 4]!
  }
  expect(await got('x')).toEqual(dx)
  expect(await got('w.levels')).toEqual(dLevels)
  expect(await got('w.scales')).toEqual(dScales)
})

test('blocks of 64 take 4.5 bits a weight, 4.127 with scales in 8 bits (arXiv:2305.14314 §3), and the table of levels', () => {
  const blocks = 2 ** 14
  const base = { shape: [1024, 1024] as const, bits: 4, levels: new Float32Array(16), blockSize: 64 }
  const packed = new Uint8Array(2 ** 19)
  const plain = codebookWeight({ ...base, packed, scales: new Float32Array(blocks) })
  expect(plain.bits()).toEqual({ values: 4 * 2 ** 20 + 512, scales: 2 ** 19, zeroPoints: 0, indices: 0 })
  const scales = { codes: new Uint8Array(blocks), absmax: new Float32Array(64), offset: 0 }
  const double = codebookWeight({ ...base, packed, scales })
  expect((totalBits(double.bits()) - 512 - 32) / 2 ** 20).toBe(4 + 8 / 64 + 32 / (64 * 256))
})

test('stored weights that lie are refused', () => {
  const refused = (weight: ReturnType<typeof small>, a: object, t: object, message: RegExp) => {
    const { attributes, tensors } = encodeWeight(weight)
    expect(() => decodeWeight({ attributes: { ...attributes, ...a }, tensors: { ...tensors, ...t } })).toThrow(message)
  }
  const floatsPart = (count: number) => ({ dtype: 'f32', shape: [count], data: new Float32Array(count) })
  const plain = small()
  refused(plain, { rows: 2 ** 40 }, {}, /"rows": expected a whole number from 0 to 16777216, got 1099511627776/)
  refused(plain, { cols: 6 }, {}, /18 codes of 2 bits: expected 5 bytes, got 4/)
  refused(plain, { bits: 9 }, {}, /"bits": expected a whole number from 1 to 8, got 9/)
  refused(plain, { blockSize: 0 }, {}, /"blockSize": expected a whole number from 1 to 16777216, got 0/)
  refused(plain, { blockSize: 3 }, {}, /codebook weight of 5 blocks: expected as many scales, got 4/)
  refused(plain, { scales: 'quantized' }, {}, /part "scaleOffset" is missing; found: codes, levels, scales/)
  refused(plain, { scales: 'f16' }, {}, /part "scales": expected f16, got f32/)
  refused(plain, { scales: 'bf16' }, {}, /"scales": expected f32, f16 or quantized, got "bf16"/)
  refused(plain, {}, { levels: floatsPart(5) }, /expected 4 levels for 2 bits, got 5/)
  refused(plain, {}, { codes: floatsPart(4) }, /part "codes": expected u8, got f32/)
  const double = small({ scales: { codes: new Uint8Array(4), absmax: new Float32Array(1), offset: 0 } })
  refused(double, {}, { scaleAbsmax: floatsPart(2) }, /4 blocks: expected 1 absmax, one for 256 scales, got 2/)
  refused(double, {}, { scaleOffset: floatsPart(2) }, /part "scaleOffset": expected one number/)
  const nan = { dtype: 'f32', shape: [1], data: Float32Array.of(Number.NaN) }
  refused(double, {}, { scaleOffset: nan }, /expected an offset that f32 holds, got NaN/)
})
