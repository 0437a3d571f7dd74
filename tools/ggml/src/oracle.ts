import koffi from 'koffi'
import { loadLibrary } from './library.ts'

/**
 * ggml's own encoders and decoders. Types are ggml's numbers (`Encoding.ggmlType`). A type or a length that ggml does not
 * expect aborts the process, so what can be checked is checked here.
 */
export interface Ggml {
  /** Values in a block, and bytes. */
  blockSize(type: number): number
  blockBytes(type: number): number
  name(type: number): string
  /** Whether it encodes only with importance. */
  needsImportance(type: number): boolean
  /** Whole rows of `width` values to their blocks. @param importance `[width]` */
  encode(type: number, values: Float32Array, width: number, importance?: Float32Array): Uint8Array
  /** The same into `out`, which saves the copies that a measurement must not see. */
  encodeInto(type: number, values: Float32Array, out: Uint8Array, width: number, importance?: Float32Array): void
  /** `count` values, whole blocks. */
  decode(type: number, bytes: Uint8Array, count: number): Float32Array
  decodeInto(type: number, bytes: Uint8Array, out: Float32Array): void
}

const toFloat = koffi.proto('void to_float(const void *x, _Out_ float *y, int64_t count)')
const traits = koffi.struct('ggml_type_traits', {
  type_name: 'const char *',
  blck_size: 'int64_t',
  blck_size_interleave: 'int64_t',
  type_size: 'size_t',
  is_quantized: 'bool',
  to_float: koffi.pointer(toFloat),
  from_float_ref: 'void *',
})

interface Traits {
  readonly type_name: string
  readonly blck_size: number | bigint
  readonly type_size: number | bigint
  readonly to_float: unknown
}

/** Types that ggml has taken out leave gaps; a number beyond them would be read behind the end of its table. */
const lastType = 42
/** What `ggml_quantize_chunk` has a case for: F32 F16 BF16, the blocks of 32, the K-quants, IQ, TQ, FP4, Q1_0 Q2_0. */
const encoded = new Set([
  ...[0, 1, 30, 2, 3, 6, 7, 8, 10, 11, 12, 13, 14],
  ...[16, 17, 18, 19, 20, 21, 22, 23, 29, 34, 35, 39, 40, 41, 42],
])

/** @throws Error where the library is not installed or does not load: anything but Linux on x64 */
export function loadGgml(): Ggml {
  const library = loadLibrary('libggml-base.so')
  const traitsOf = library.func('ggml_get_type_traits', koffi.pointer(traits), ['int'])
  const needs = library.func('bool ggml_quantize_requires_imatrix(int type)')
  const quantize = library.func(
    'size_t ggml_quantize_chunk(int type, const float *values, void *out, int64_t start, int64_t rows, int64_t width, const float *importance)',
  )

  const known = new Map<number, Traits>()
  function of(type: number): Traits {
    const cached = known.get(type)
    if (cached) return cached
    const row = type >= 0 && type <= lastType ? (koffi.decode(traitsOf(type), traits) as Traits) : undefined
    if (!row || Number(row.blck_size) === 0) throw new RangeError(`expected a ggml type, 0 … ${lastType}, got ${type}`)
    known.set(type, row)
    return row
  }
  const blockSize = (type: number): number => Number(of(type).blck_size)
  const blockBytes = (type: number): number => Number(of(type).type_size)
  const bytes = (type: number, values: number): number => (values / blockSize(type)) * blockBytes(type)

  function encodeInto(type: number, values: Float32Array, out: Uint8Array, width: number, importance?: Float32Array) {
    if (!encoded.has(type)) throw new TypeError(`ggml has no encoder for ${of(type).type_name}`)
    const rows = values.length / width
    expectEqual(`${of(type).type_name}: rows`, Math.floor(rows), rows)
    expectEqual('values of a row beyond whole blocks', 0, width % blockSize(type))
    expectEqual('bytes of the result', bytes(type, values.length), out.length)
    if (importance) expectEqual('importances', width, importance.length)
    else if (needs(type)) throw new TypeError(`${of(type).type_name}: expected importance, without which ggml aborts`)
    quantize(type, values, out, 0, rows, width, importance ?? null)
  }

  function decodeInto(type: number, source: Uint8Array, out: Float32Array) {
    expectEqual('bytes', bytes(type, out.length), source.length)
    if (type === 0) new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(source)
    else koffi.call(of(type).to_float, toFloat, source, out, out.length)
  }

  return {
    blockSize,
    blockBytes,
    name: type => of(type).type_name,
    needsImportance: type => needs(type) as boolean,
    encode(type, values, width, importance) {
      const out = new Uint8Array(bytes(type, values.length))
      encodeInto(type, values, out, width, importance)
      return out
    },
    encodeInto,
    decode(type, source, count) {
      const out = new Float32Array(count)
      decodeInto(type, source, out)
      return out
    },
    decodeInto,
  }
}

function expectEqual(what: string, expected: number, got: number): void {
  if (expected !== got) throw new RangeError(`${what}: expected ${expected}, got ${got}`)
}
