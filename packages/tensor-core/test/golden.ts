import { readFileSync } from 'node:fs'

const types: Record<
  string,
  (bytes: ArrayBuffer) => Float64Array | Float32Array | Int32Array | Uint8Array | Uint16Array
> = {
  F64: bytes => new Float64Array(bytes),
  F32: bytes => new Float32Array(bytes),
  I32: bytes => new Int32Array(bytes),
  U8: bytes => new Uint8Array(bytes),
  U16: bytes => new Uint16Array(bytes),
}

export interface Golden {
  readonly shape: number[]
  readonly data: Float64Array | Float32Array | Int32Array | Uint8Array | Uint16Array
}

/** Reads a trusted safetensors fixture whole: u64 length, JSON, bytes. */
export function golden(name: string): Record<string, Golden> {
  const file = readFileSync(new URL(`./fixtures/${name}.safetensors`, import.meta.url))
  const length = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >
  const tensors: Record<string, Golden> = {}
  for (const [key, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (key === '__metadata__') continue
    const bytes = Uint8Array.from(file.subarray(8 + length + data_offsets[0], 8 + length + data_offsets[1])).buffer
    tensors[key] = { shape, data: types[dtype]!(bytes) }
  }
  return tensors
}

/** The sidecar of a fixture. */
export const sidecar = (name: string): Record<string, never> =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'))
