import { readFileSync } from 'node:fs'
import { type DType, dtypes, type Tensor, toF64 } from '@sinter/tensor-core'

const names: Readonly<Record<string, DType>> = {
  F64: 'f64',
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  I8: 'i8',
  U8: 'u8',
  I16: 'i16',
  U16: 'u16',
  I32: 'i32',
  U32: 'u32',
  I64: 'i64',
  U64: 'u64',
  BOOL: 'bool',
}

/** Reference numbers of one fixture file: `NAME.safetensors`, small and trusted, read whole. */
export interface Golden {
  tensor(name: string): Tensor
  /** The values as f64. */
  f64(name: string): Float64Array
  names(): readonly string[]
}

/** Reads a fixture. A second reader of the format on purpose: tests must not rest on the one they test. */
export function readGolden(path: string | URL): Golden {
  const file = readFileSync(path)
  const length = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<string, Entry>
  delete header.__metadata__
  const tensor = (name: string): Tensor => {
    const entry = header[name]
    const dtype = entry && names[entry.dtype]
    if (!dtype) throw new TypeError(`fixture ${path}: no tensor "${name}"; it has ${Object.keys(header).join(', ')}`)
    const [from, to] = entry.data_offsets
    const bytes = Uint8Array.from(file.subarray(8 + length + from, 8 + length + to))
    return { dtype, shape: entry.shape, data: new dtypes[dtype].array(bytes.buffer) }
  }
  return { tensor, f64: name => toF64(tensor(name)), names: () => Object.keys(header) }
}

interface Entry {
  readonly dtype: string
  readonly shape: number[]
  readonly data_offsets: [number, number]
}
