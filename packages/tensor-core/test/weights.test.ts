import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type Backend,
  castTo,
  codebookWeight,
  decodeWeight,
  denseWeight,
  encodeWeight,
  floatGridWeight,
  graph,
  input,
  ortNodeBackend,
  packBits,
  packHighFirst,
  permutedWeight,
  quantizedWeight,
  referenceBackend,
  scaledWeight,
  sparseWeight,
  sumWeight,
  type Tensor,
  toTensor,
  totalBits,
  unpackBits,
  type Weight,
} from '../src/index.ts'

/** Small whole numbers over 16: exact in every float type and in every sum below. */
const value = fc.integer({ min: -64, max: 64 }).map(n => n / 16)
const shape = fc.record({ rows: fc.integer({ min: 1, max: 6 }), cols: fc.integer({ min: 1, max: 16 }) })
type Shape = { readonly rows: number; readonly cols: number }

const floats = (count: number) => fc.array(value, { minLength: count, maxLength: count }).map(a => Float32Array.from(a))
const bytes = (count: number, max: number) => fc.uint8Array({ min: 0, max, minLength: count, maxLength: count })

const dense = ({ rows, cols }: Shape) =>
  fc
    .record({ data: floats(rows * cols), dtype: fc.constantFrom('f32', 'f16', 'bf16', 'f64') })
    .map(({ data, dtype }) => denseWeight(castTo({ dtype: 'f32', shape: [rows, cols], data }, dtype)))

const quantized = ({ rows, cols }: Shape) =>
  fc
    .record({
      bits: fc.integer({ min: 2, max: 8 }),
      groupSize: fc.integer({ min: 1, max: cols }),
      whole: fc.boolean(),
      zero: fc.constantFrom('none', 'integer', 'min', 'float'),
      scaleDType: fc.constantFrom('f16', 'bf16', 'f32'),
    })
    .chain(({ bits, groupSize, whole, zero, scaleDType }) => {
      const gridShape: [number, number] = whole ? [1, 1] : [rows, Math.ceil(cols / groupSize)]
      const grids = gridShape[0] * gridShape[1]
      const float = (data: Float32Array): Tensor => castTo({ dtype: 'f32', shape: gridShape, data }, scaleDType)
      return fc
        .record({
          codes: bytes(rows * cols, 2 ** bits - 1),
          scales: floats(grids),
          zeroPoints: bytes(grids, 2 ** bits - 1),
          mins: floats(grids),
        })
        .map(a =>
          quantizedWeight({
            shape: [rows, cols],
            bits,
            groupSize,
            codes: a.codes,
            scales: float(a.scales),
            ...(zero === 'integer' && { zeroPoints: a.zeroPoints }),
            ...(zero === 'min' && { mins: float(a.mins) }),
            ...(zero === 'float' && { zeros: float(a.mins) }),
          }),
        )
    })

const codebook = ({ rows, cols }: Shape) =>
  fc
    .record({
      bits: fc.integer({ min: 1, max: 8 }),
      blockSize: fc.integer({ min: 1, max: rows * cols + 1 }),
      double: fc.boolean(),
    })
    .chain(({ bits, blockSize, double }) => {
      const blocks = Math.ceil((rows * cols) / blockSize)
      return fc
        .record({
          codes: bytes(rows * cols, 2 ** bits - 1),
          levels: floats(2 ** bits),
          scales: floats(blocks),
          scaleCodes: bytes(blocks, 255),
          offset: value,
        })
        .map(a =>
          codebookWeight({
            shape: [rows, cols],
            bits,
            blockSize,
            levels: a.levels,
            packed: packHighFirst(a.codes, bits),
            scales: double
              ? { codes: a.scaleCodes, absmax: a.scales.slice(0, Math.ceil(blocks / 256)), offset: a.offset }
              : a.scales,
          }),
        )
    })

const floatGrid = ({ rows, cols }: Shape) =>
  fc
    .record({
      element: fc.constantFrom('e2m1' as const, 'e4m3' as const, 'e5m2' as const),
      tall: fc.integer({ min: 1, max: rows + 1 }),
      wide: fc.integer({ min: 1, max: cols + 1 }),
      scaleDType: fc.constantFrom('f16', 'f32', 'f8e4m3', 'u8'),
      divided: fc.boolean(),
    })
    .chain(({ element, tall, wide, scaleDType, divided }) => {
      const count = Math.ceil(rows / tall) * Math.ceil(cols / wide)
      const scaleShape: [number, number] = [Math.ceil(rows / tall), Math.ceil(cols / wide)]
      // Values that stay small and exact: whole numbers over 8, and powers of two near 1.
      const scale: Record<string, Tensor> = {
        u8: { dtype: 'u8', shape: scaleShape, data: new Uint8Array(count).fill(126) },
      }
      return fc
        .record({
          codes: bytes(rows * cols, element === 'e2m1' ? 15 : 0x47),
          scales: floats(count),
        })
        .map(a =>
          floatGridWeight({
            shape: [rows, cols],
            element,
            block: [tall, wide],
            codes: element === 'e2m1' ? packBits(a.codes, 4) : a.codes,
            scales:
              scale[scaleDType] ??
              castTo({ dtype: 'f32', shape: scaleShape, data: a.scales }, scaleDType as Tensor['dtype']),
            ...(divided && { globalScale: 4 }),
          }),
        )
    })

const leaf = (s: Shape) => fc.oneof(dense(s), quantized(s))
const operand = (s: Shape): fc.Arbitrary<Weight> => fc.oneof(leaf(s), codebook(s), floatGrid(s))

const sparse = (s: Shape) =>
  fc
    .record({ inner: leaf(s), removed: bytes(s.rows * s.cols, 1) })
    .map(({ inner, removed }) => sparseWeight({ inner, removed }))

const patterned = fc
  .record({
    rows: fc.integer({ min: 1, max: 4 }),
    spans: fc.integer({ min: 1, max: 4 }),
    of: fc.integer({ min: 2, max: 9 }),
  })
  .chain(({ rows, spans, of }) =>
    fc
      .record({ inner: leaf({ rows, cols: spans * of }), zeros: fc.integer({ min: 1, max: of - 1 }), seed: fc.nat() })
      .map(({ inner, zeros, seed }) => {
        const removed = Uint8Array.from({ length: rows * spans * of }, (_, k) => ((k + seed) % of < zeros ? 1 : 0))
        return sparseWeight({ inner, removed, pattern: { zeros, of } })
      }),
  )

const order = (cols: number) =>
  fc
    .shuffledSubarray(
      Array.from({ length: cols }, (_, i) => i),
      { minLength: cols, maxLength: cols },
    )
    .map(a => Int32Array.from(a))

const combined = (s: Shape): fc.Arbitrary<Weight> =>
  fc.oneof(
    fc.record({ inner: operand(s), order: order(s.cols) }).map(({ inner, order }) => permutedWeight(inner, order)),
    fc
      .record({ inner: operand(s), rows: floats(s.rows), columns: floats(s.cols) })
      .map(({ inner, rows, columns }) => scaledWeight(inner, { rows, columns })),
    fc
      .record({ inner: operand(s), columns: floats(s.cols) })
      .map(({ inner, columns }) => scaledWeight(inner, { columns })),
    fc.array(fc.oneof(operand(s), sparse(s)), { minLength: 1, maxLength: 3 }).map(sumWeight),
  )

const anyWeight: fc.Arbitrary<Weight> = fc.oneof(
  shape.chain(s => fc.oneof(operand(s), sparse(s), combined(s)) as fc.Arbitrary<Weight>),
  patterned,
)

const sized = { numRuns: 300 }

test('rows on their own are the rows of the whole', () => {
  fc.assert(
    fc.property(anyWeight, fc.nat(), fc.nat(), (weight, a, b) => {
      const [rows, cols] = weight.shape
      const [start, end] = [a % (rows + 1), b % (rows + 1)].sort((x, y) => x - y) as [number, number]
      const out = new Float32Array((end - start) * cols).fill(7)
      weight.denseRows(start, end, out)
      expect(out).toEqual(weight.dense().data.slice(start * cols, end * cols))
    }),
    sized,
  )
})

test('a stored weight comes back with the same exact values, attributes as JSON', () => {
  fc.assert(
    fc.property(anyWeight, weight => {
      const { attributes, tensors } = encodeWeight(weight)
      const back = decodeWeight({ attributes: JSON.parse(JSON.stringify(attributes)), tensors })
      expect(back.dense().data).toEqual(weight.dense().data)
      expect(back.shape).toEqual(weight.shape)
      expect(encodeWeight(back)).toEqual({ attributes, tensors })
    }),
    sized,
  )
})

test('bits are what the parts take, but for the last byte of each', () => {
  fc.assert(
    fc.property(anyWeight, weight => {
      const parts = Object.values(weight.parts())
      const stored = parts.reduce((sum, part) => sum + part.data.byteLength * 8, 0)
      const declared = totalBits(weight.bits())
      expect(stored).toBeGreaterThanOrEqual(declared)
      expect(stored - declared).toBeLessThan(8 * parts.length)
    }),
    sized,
  )
})

/** Runs what the weight emits on a few tokens, and holds it against its dense matrix in f64. */
async function checkEmitted(backend: Backend, weight: Weight, tokens: number): Promise<void> {
  const [rows, cols] = weight.shape
  const x = Float32Array.from({ length: tokens * cols }, (_, k) => ((k * 7) % 5) - 2)
  const y = weight.emit(input('x', 'f32', [tokens, cols]), 'w')
  const program = await backend.compile(graph({ y }))
  const result = await program.run({ x: { dtype: 'f32', shape: [tokens, cols], data: x }, ...weight.inputs('w') })
  const got = (await toTensor(result.y!)).data as Float32Array
  await program.close()
  const w = weight.dense().data
  for (let t = 0; t < tokens; t++)
    for (let o = 0; o < rows; o++) {
      let sum = 0
      for (let i = 0; i < cols; i++) sum += x[t * cols + i]! * w[o * cols + i]!
      expect(Math.abs(got[t * rows + o]! - sum)).toBeLessThan(1e-5 * (1 + Math.abs(sum)))
    }
}

test('the emitted graph computes x Wᵀ, on the interpreter and on ONNX Runtime', async () => {
  const ort = ortNodeBackend({ threads: 1, device: 'cpu' })
  const tokens = fc.integer({ min: 1, max: 3 })
  const check = (backend: Backend) => fc.asyncProperty(anyWeight, tokens, (w, t) => checkEmitted(backend, w, t))
  await fc.assert(check(referenceBackend()), { numRuns: 150 })
  await fc.assert(check(ort), { numRuns: 40 })
  await ort.close()
})

test('packing is a dense little-endian stream', () => {
  expect(packBits(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0), 3)).toEqual(Uint8Array.of(0b11010001, 0b01011000, 0b00011111))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.uint8Array({ maxLength: 200 }), (bits, raw) => {
      const codes = raw.map(code => code & (2 ** bits - 1))
      expect(unpackBits(packBits(codes, bits), bits, codes.length)).toEqual(codes)
    }),
  )
})

const q = (extra: object) =>
  quantizedWeight({
    shape: [2, 64],
    bits: 4,
    groupSize: 64,
    codes: new Uint8Array(128),
    scales: { dtype: 'f16', shape: [2, 1], data: new Uint16Array(2) },
    ...extra,
  })

test('4 bits in groups of 64 take 4.25 bits a weight, 4.3125 with zero points', () => {
  expect(totalBits(q({}).bits()) / 128).toBe(4.25)
  expect(totalBits(q({ zeroPoints: new Uint8Array(2) }).bits()) / 128).toBe(4.3125)
})

test('2:4 takes two bits for each kept value: 9 bits a weight in f16', () => {
  const inner = denseWeight({ dtype: 'f16', shape: [1, 8], data: new Uint16Array(8) })
  const removed = Uint8Array.of(0, 1, 1, 0, 1, 1, 0, 0)
  const weight = sparseWeight({ inner, removed, pattern: { zeros: 2, of: 4 } })
  expect(weight.bits()).toEqual({ values: 64, scales: 0, zeroPoints: 0, indices: 8 })
  expect(() => sparseWeight({ inner, removed: new Uint8Array(8), pattern: { zeros: 2, of: 4 } })).toThrow(
    /2:4: row 0, column 0 has 0 zeros/,
  )
})

test('stored weights that lie are refused', () => {
  const { attributes, tensors } = encodeWeight(q({}))
  const refused = (a: object, t: object, message: RegExp) =>
    expect(() => decodeWeight({ attributes: { ...attributes, ...a }, tensors: { ...tensors, ...t } })).toThrow(message)
  refused({ kind: 'toString' }, {}, /unknown weight kind "toString"; known: dense, quantized/)
  refused({ rows: 2 ** 40 }, {}, /"rows": expected a whole number from 0 to 16777216, got 1099511627776/)
  refused({ cols: 65 }, {}, /130 codes of 4 bits: expected 65 bytes, got 64/)
  refused({ bits: 9 }, {}, /"bits": expected a whole number from 1 to 8, got 9/)
  refused({ zero: 'integer' }, {}, /part "zeroPoints" is missing; found: codes, scales/)
  refused({ groupSize: 32 }, {}, /expected scales \[2, 2\] or \[1, 1\], got \[2,1\]/)
  refused({}, { codes: tensors.scales }, /part "codes": expected u8, got f16/)
  expect(() => permutedWeight(q({}), new Int32Array(64))).toThrow(
    /expected every column from 0 to 63 once; 0 does not fit/,
  )
})
