import { type DType, dtypes } from '@sinter/tensor-core'
import { FormatError } from './format-error.ts'
import { byteLength, MAX_HEADER_BYTES, type SafetensorsEntry } from './safetensors-header.ts'

const writable: { readonly [K in DType]: string } = {
  f64: 'F64',
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  f8e4m3: 'F8_E4M3',
  f8e5m2: 'F8_E5M2',
  i64: 'I64',
  u64: 'U64',
  i32: 'I32',
  u32: 'U32',
  i16: 'I16',
  u16: 'U16',
  i8: 'I8',
  u8: 'U8',
  bool: 'BOOL',
}

export interface SafetensorsSpec {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

/**
 * Lays tensors out as the reference writer does (widest elements first, then by name, which keeps all data aligned)
 * and gives the header's bytes, length included.
 * @throws FormatError `duplicate` when a name comes twice
 */
export function layoutSafetensors(
  specs: readonly SafetensorsSpec[],
  metadata: Readonly<Record<string, string>> = {},
): { readonly header: Uint8Array; readonly entries: ReadonlyMap<string, SafetensorsEntry>; readonly bytes: number } {
  const sorted = specs.toSorted((a, b) => dtypes[b.dtype].bytes - dtypes[a.dtype].bytes || compareNames(a.name, b.name))
  const fields: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  const offsets = new Map<string, readonly [number, number]>()
  let at = 0
  for (const { name, dtype, shape } of sorted) {
    if (offsets.has(name) || name === '__metadata__')
      throw new FormatError('duplicate', `safetensors: the name ${JSON.stringify(name)} cannot be written (again)`)
    const end = at + byteLength(shape, dtypes[dtype].bytes, `safetensors: tensor ${JSON.stringify(name)}`)
    offsets.set(name, [at, end])
    fields.push([name, { dtype: writable[dtype], shape, data_offsets: [at, end] }])
    at = end
  }
  const header = frameHeader(fields)
  const place = (spec: SafetensorsSpec): [string, SafetensorsEntry] => {
    const [begin, end] = offsets.get(spec.name)!
    return [
      spec.name,
      { ...spec, encoding: writable[spec.dtype], begin: header.length + begin, end: header.length + end },
    ]
  }
  return { header, entries: new Map(sorted.map(place)), bytes: header.length + at }
}

/** JSON assembled field by field, because an object would reorder names that look like numbers. */
function frameHeader(fields: readonly [string, unknown][]): Uint8Array {
  const json = `{${fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`
  const bytes = new TextEncoder().encode(json)
  const padded = Math.ceil(bytes.length / 8) * 8
  if (padded > MAX_HEADER_BYTES)
    throw new FormatError(
      'limit',
      `safetensors: the header would take ${padded} bytes; ${MAX_HEADER_BYTES} are allowed`,
    )
  const framed = new Uint8Array(8 + padded).fill(0x20, 8)
  new DataView(framed.buffer).setBigUint64(0, BigInt(padded), true)
  framed.set(bytes, 8)
  return framed
}

const compareNames = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
