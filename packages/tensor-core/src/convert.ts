import type { DType, TypedArray } from './dtype.ts'
import { dtypes } from './dtype.ts'
import { decodeTable, encodeF8E4M3, encodeF8E5M2 } from './float8.ts'
import { groupBench } from './kernels/group-bench.ts'
import type { Tensor, TensorF32 } from './tensor.ts'

// One shared cell to see a float's bits. Little-endian hosts only, as the file formats are.
const cell = new Float32Array(1)
const bits = new Int32Array(cell.buffer)

/** Adding and taking away 1.5·2⁵² leaves no room for a fraction, so the FPU rounds half to even. Exact for |x| < 2⁵¹. */
const noFraction = 6755399441055744

/** Nearest whole number, halves to even (`Math.round` sends halves up). */
export function roundHalfEven(x: number): number {
  if (!(Math.abs(x) < 2 ** 51)) return x
  return x + noFraction - noFraction
}

/** Bits of the half-precision float nearest to `x` rounded to f32; 65,520 and above is infinity. */
export function f16Bits(x: number): number {
  cell[0] = x
  return f16BitsOf(bits[0]!)
}

function f16BitsOf(u: number): number {
  const sign = (u >>> 16) & 0x8000
  const magnitude = u & 0x7fffffff
  if (magnitude >= 0x47800000) {
    // 65,536 and above: infinity, or NaN kept quiet with the upper bits of its payload.
    return magnitude > 0x7f800000 ? sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff) : sign | 0x7c00
  }
  if (magnitude < 0x38800000) {
    // Below 2⁻¹⁴: adding 0.5 moves the subnormal's 10 bits to the bottom of the mantissa; the FPU rounds.
    bits[0] = magnitude
    cell[0] = cell[0]! + 0.5
    return sign | (bits[0]! - 0x3f000000)
  }
  const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)
  return sign | (rounded >>> 13)
}

/** Value of a half-precision float given by its bits. */
export const f16Value = (half: number): number => f16Table()[half & 0xffff]!

/** The nearest number that f16 can hold; what a stored scale will really be. Overflows to infinity as f16 does. */
export const roundToF16 = (x: number): number => f16Value(f16Bits(x))

let halves: Float32Array | undefined

/** Every half float by its bits: 256 kB, made on first use; faster than arithmetic and needs no Float16Array (Node 20). */
function f16Table(): Float32Array {
  if (halves) return halves
  halves = new Float32Array(65536)
  for (let i = 0; i < 65536; i++) halves[i] = decodeHalf(i)
  return halves
}

function decodeHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1
  const exponent = (half >> 10) & 31
  const mantissa = half & 0x3ff
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  if (exponent === 0) return sign * mantissa * 2 ** -24
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15)
}

/** Bits of the bfloat16 nearest to `x` rounded to f32. */
export function bf16Bits(x: number): number {
  cell[0] = x
  return bf16BitsOf(bits[0]!)
}

function bf16BitsOf(u: number): number {
  if ((u & 0x7fffffff) > 0x7f800000) return (u >>> 16) | 0x40
  return ((u + 0x7fff + ((u >>> 16) & 1)) | 0) >>> 16
}

const viewBits = (a: Float32Array): Int32Array => new Int32Array(a.buffer, a.byteOffset, a.length)

/** Arrays of this length are worth the way to the SIMD kernels. */
const SIMD_FROM = 1024

/** f16 bits to f32, exact. The bits may lie in the upper half of `out`'s own memory: each is read before it is written over. */
export function f16ToF32(source: Uint16Array, out: Float32Array = new Float32Array(source.length)): Float32Array {
  if (source.length >= SIMD_FROM) groupBench().widen(source, out, 'f16')
  else {
    const table = f16Table()
    for (let i = 0, n = source.length; i < n; i++) out[i] = table[source[i]!]!
  }
  return out
}

/** bf16 bits to f32, exact. The bits may lie in `out` as those of `f16ToF32` may. */
export function bf16ToF32(source: Uint16Array, out: Float32Array = new Float32Array(source.length)): Float32Array {
  if (source.length >= SIMD_FROM) groupBench().widen(source, out, 'bf16')
  else {
    const to = viewBits(out)
    for (let i = 0, n = source.length; i < n; i++) to[i] = source[i]! << 16
  }
  return out
}

/** f32 to f16 bits, halves to even. */
export function f32ToF16(source: Float32Array, out: Uint16Array = new Uint16Array(source.length)): Uint16Array {
  const from = viewBits(source)
  if (source.length >= SIMD_FROM) groupBench().narrow(source, out, 'f16')
  else for (let i = 0, n = source.length; i < n; i++) out[i] = f16BitsOf(from[i]!)
  return out
}

/** f32 to bf16 bits, halves to even. */
export function f32ToBf16(source: Float32Array, out: Uint16Array = new Uint16Array(source.length)): Uint16Array {
  const from = viewBits(source)
  if (source.length >= SIMD_FROM) groupBench().narrow(source, out, 'bf16')
  else for (let i = 0, n = source.length; i < n; i++) out[i] = bf16BitsOf(from[i]!)
  return out
}

function lookUp(source: Uint8Array, table: Float32Array): Float32Array {
  const out = new Float32Array(source.length)
  for (let i = 0, n = source.length; i < n; i++) out[i] = table[source[i]!]!
  return out
}

/**
 * The tensor in 32-bit floats. The same data, not a copy, when it is f32 already. i64 beyond 2⁵³ loses its low bits.
 * @param out memory for the result when the tensor is f16 or bf16, as many elements as it has
 */
export function toF32(t: Tensor, out?: Float32Array): TensorF32 {
  return { dtype: 'f32', shape: t.shape, data: f32Data(t, out) }
}

function f32Data({ dtype, data }: Tensor, out?: Float32Array): Float32Array {
  if (data instanceof Float32Array) return data
  if (dtype === 'f16') return f16ToF32(data as Uint16Array, out)
  if (dtype === 'bf16') return bf16ToF32(data as Uint16Array, out)
  if (dtype === 'f8e4m3' || dtype === 'f8e5m2') return lookUp(data as Uint8Array, decodeTable(dtype))
  return isBig(data) ? Float32Array.from(data, Number) : new Float32Array(data)
}

const isBig = (data: TypedArray): data is BigInt64Array | BigUint64Array =>
  data instanceof BigInt64Array || data instanceof BigUint64Array

/** The values as 64-bit floats. The same data, not a copy, when they are f64 already. */
export function toF64(t: Tensor): Float64Array {
  if (t.data instanceof Float64Array) return t.data
  if (isBig(t.data)) return Float64Array.from(t.data, Number)
  return new Float64Array(isHalfOrByteFloat(t.dtype) ? f32Data(t) : t.data)
}

const isHalfOrByteFloat = (dtype: DType): boolean =>
  dtype === 'bf16' || (dtype.startsWith('f') && dtypes[dtype].bytes < 4)

/**
 * The tensor in another element type. Floats round to nearest even (f64 goes to 16 and 8 bits by way of f32); 8-bit floats
 * saturate; whole-number types cut the fraction off, as ONNX Cast does; bool is "not zero".
 * @param halves memory for the result when it is f16 or bf16, as many elements as the tensor has
 * @throws RangeError when a value does not fit a whole-number type
 */
export function castTo(t: Tensor, dtype: DType, halves?: Uint16Array): Tensor {
  if (t.dtype === dtype) return t
  return { dtype, shape: t.shape, data: castData(t, dtype, halves) }
}

function castData(t: Tensor, dtype: DType, halves: Uint16Array | undefined): TypedArray {
  switch (dtype) {
    case 'f64':
      return toF64(t)
    case 'f32':
      return f32Data(t)
    case 'f16':
      return f32ToF16(f32Data(t), halves)
    case 'bf16':
      return f32ToBf16(f32Data(t), halves)
    case 'f8e4m3':
      return encodeF8E4M3(f32Data(t))
    case 'f8e5m2':
      return encodeF8E5M2(f32Data(t))
    case 'bool':
      return Uint8Array.from(toF64(t), x => (x === 0 ? 0 : 1))
    default:
      return toWhole(t, dtype)
  }
}

function toWhole(t: Tensor, dtype: DType): TypedArray {
  const { array, bytes } = dtypes[dtype]
  const out = new array(new ArrayBuffer(t.data.length * bytes))
  const from = isBig(t.data) ? t.data : toF64(t)
  for (let i = 0; i < from.length; i++) {
    const value = from[i]!
    // Reading back what was stored finds every overflow, whatever the width.
    const fits = isBig(out) ? storeBig(out, i, value) : storeNumber(out, i, value)
    if (!fits) throw new RangeError(`cast to ${dtype}: ${value} at element ${i} does not fit`)
  }
  return out
}

function storeNumber(
  out: Exclude<TypedArray, BigInt64Array | BigUint64Array>,
  i: number,
  value: number | bigint,
): boolean {
  const whole = Math.trunc(Number(value))
  out[i] = whole
  return out[i] === whole || (out[i] === 0 && whole === 0)
}

function storeBig(out: BigInt64Array | BigUint64Array, i: number, value: number | bigint): boolean {
  if (typeof value === 'number' && !Number.isFinite(value)) return false
  const whole = typeof value === 'number' ? BigInt(Math.trunc(value)) : value
  out[i] = whole
  return out[i] === whole
}
