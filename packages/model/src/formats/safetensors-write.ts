import { bytesOf, dtypes, sizeOf, type Tensor } from '@sinter/tensor-core'
import { createAtomicFile } from '../io/atomic.ts'
import { FormatError } from './format-error.ts'
import type { SafetensorsEntry } from './safetensors-header.ts'
import { layoutSafetensors, type SafetensorsSpec } from './safetensors-layout.ts'
import { checkRows } from './source.ts'

export interface SafetensorsWriter {
  readonly path: string
  /** Bytes of the finished file. */
  readonly bytes: number
  /** Writes one tensor; any order. @throws FormatError `schema` when it is not what was announced, `disk-full` */
  write(name: string, value: Tensor): Promise<void>
  /** Writes rows of a tensor from row `start` on, each once: for tensors too large to be held. @throws as `write` does */
  writeRows(name: string, start: number, rows: Tensor): Promise<void>
  /** Whether every tensor was written. */
  readonly complete: boolean
  /** Makes the file appear. @throws FormatError `missing` when a tensor was not written */
  commit(): Promise<void>
  /** Leaves nothing behind. */
  abort(): Promise<void>
}

/**
 * Starts a safetensors file whose tensors are handed over one by one; none is held. The file appears under its name at
 * `commit`, complete and flushed.
 * @param entries everything the file will hold: the header comes first, so it must be known
 */
export async function createSafetensorsWriter(
  path: string,
  entries: readonly SafetensorsSpec[],
  options: { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<SafetensorsWriter> {
  const layout = layoutSafetensors(entries, options.metadata)
  const missing = new Map(entries.map(({ name, shape }) => [name, sizeOf(shape)]))
  const file = await createAtomicFile(path, layout.bytes)
  await file.write(layout.header, 0)
  const announced = (name: string, { dtype, shape }: Tensor, from: number): SafetensorsEntry => {
    const entry = layout.entries.get(name)
    if (!entry || entry.dtype !== dtype || entry.shape.slice(from).join() !== shape.slice(from).join())
      throw new FormatError(
        'schema',
        `${path}: tensor ${JSON.stringify(name)}: announced ${entry ? `${entry.dtype} [${entry.shape}]` : 'nothing'}, got ${dtype} [${shape}]`,
      )
    return entry
  }
  return {
    path,
    bytes: layout.bytes,
    write: async (name, value) => {
      await file.write(bytesOf(value), announced(name, value, 0).begin)
      missing.delete(name)
    },
    writeRows: async (name, start, rows) => {
      const { begin, shape, dtype } = announced(name, rows, 1)
      checkRows(name, shape, start, rows.shape[0] ?? 0)
      await file.write(bytesOf(rows), begin + start * sizeOf(shape.slice(1)) * dtypes[dtype].bytes)
      const left = (missing.get(name) ?? 0) - rows.data.length
      if (left > 0) missing.set(name, left)
      else missing.delete(name)
    },
    get complete() {
      return missing.size === 0
    },
    commit: async () => {
      if (missing.size > 0) {
        await file.abort()
        throw new FormatError(
          'missing',
          `${path}: ${missing.size} announced tensors were not written: ${[...missing.keys()].slice(0, 3)}`,
        )
      }
      await file.commit()
    },
    abort: () => file.abort(),
  }
}
