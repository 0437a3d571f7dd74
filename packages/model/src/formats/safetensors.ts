import { bytesOf, type DType, dtypes, sizeOf, type Tensor, tensor } from '@sinter/tensor-core'
import { type OpenFile, openFile, type RandomAccessFile } from '../io/file.ts'
import { FormatError } from './format-error.ts'
import {
  parseSafetensorsHeader,
  type SafetensorsEntry,
  type SafetensorsHeader,
  safetensorsHeaderLength,
} from './safetensors-header.ts'
import { layoutSafetensors } from './safetensors-layout.ts'
import { checkRows, type TensorSource } from './source.ts'

/** A safetensors file whose header has been checked. */
export interface SafetensorsSource extends TensorSource {
  readonly kind: 'safetensors'
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Opens one safetensors file. Only the header is read; tensors are read by range when asked for.
 * @throws FormatError for every file that the format's reference reader refuses
 */
export async function openSafetensors(path: string, open: OpenFile = openFile): Promise<SafetensorsSource> {
  const file = await open(path)
  try {
    return sourceOf(file, await readHeader(file))
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readHeader(file: RandomAccessFile): Promise<SafetensorsHeader> {
  const first8 = await file.read(0, Math.min(8, file.size))
  const length = safetensorsHeaderLength(first8, file.size, file.path)
  return parseSafetensorsHeader(await file.read(8, length), file.size, file.path)
}

function sourceOf(file: RandomAccessFile, header: SafetensorsHeader): SafetensorsSource {
  const entry = (name: string): SafetensorsEntry => {
    const found = header.entries.get(name)
    if (!found) throw new FormatError('missing', `${file.path}: has no tensor ${JSON.stringify(name)}`)
    return found
  }
  return {
    kind: 'safetensors',
    metadata: header.metadata,
    names: () => [...header.entries.keys()],
    has: name => header.entries.has(name),
    info: name => {
      const { encoding, dtype, shape, begin, end } = entry(name)
      return { encoding, dtype, shape, bytes: end - begin }
    },
    read: async (name, into) => {
      const { dtype, shape, begin, end } = entry(name)
      return tensorOf(dtype, shape, await file.read(begin, end - begin, into))
    },
    readRows: async (name, start, count, into) => {
      const { dtype, shape, begin } = entry(name)
      checkRows(name, shape, start, count)
      const row = sizeOf(shape.slice(1)) * dtypes[dtype].bytes
      return tensorOf(dtype, [count, ...shape.slice(1)], await file.read(begin + start * row, count * row, into))
    },
    close: () => file.close(),
  }
}

/** Views bytes that own an aligned buffer as a tensor, without a copy. */
export function tensorOf(dtype: DType, shape: readonly number[], bytes: Uint8Array): Tensor {
  const { array, bytes: itemBytes } = dtypes[dtype]
  return tensor(dtype, shape, new array(bytes.buffer, bytes.byteOffset, bytes.byteLength / itemBytes))
}

/**
 * Reads safetensors that are in memory. The tensors are copies.
 * @throws FormatError for everything that the format forbids
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  where = 'safetensors',
): { readonly tensors: ReadonlyMap<string, Tensor>; readonly metadata: Readonly<Record<string, string>> } {
  const length = safetensorsHeaderLength(bytes.subarray(0, 8), bytes.length, where)
  const header = parseSafetensorsHeader(bytes.subarray(8, 8 + length), bytes.length, where)
  const tensors = new Map<string, Tensor>()
  for (const { name, dtype, shape, begin, end } of header.entries.values())
    tensors.set(name, tensorOf(dtype, shape, Uint8Array.from(bytes.subarray(begin, end))))
  return { tensors, metadata: header.metadata }
}

/** The bytes of a safetensors file, for things small enough to be held whole. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const specs = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const { header, entries, bytes } = layoutSafetensors(specs, metadata)
  const out = new Uint8Array(bytes)
  out.set(header)
  for (const [name, value] of tensors) out.set(bytesOf(value), entries.get(name)!.begin)
  return out
}
