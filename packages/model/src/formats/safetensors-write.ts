import { bytesOf, type Tensor } from '@sinter/tensor-core'
import { createAtomicFile } from '../io/atomic.ts'
import { FormatError } from './format-error.ts'
import { layoutSafetensors, type SafetensorsSpec } from './safetensors-layout.ts'

export interface SafetensorsWriter {
  readonly path: string
  /** Bytes of the finished file. */
  readonly bytes: number
  /** Writes one tensor; any order. @throws FormatError `schema` when it is not what was announced, `disk-full` */
  write(name: string, value: Tensor): Promise<void>
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
  const missing = new Set(entries.map(entry => entry.name))
  const file = await createAtomicFile(path, layout.bytes)
  await file.write(layout.header, 0)
  return {
    path,
    bytes: layout.bytes,
    write: async (name, value) => {
      const entry = layout.entries.get(name)
      if (!entry || entry.dtype !== value.dtype || entry.shape.join() !== value.shape.join())
        throw new FormatError(
          'schema',
          `${path}: tensor ${JSON.stringify(name)}: announced ${entry ? `${entry.dtype} [${entry.shape}]` : 'nothing'}, got ${value.dtype} [${value.shape}]`,
        )
      await file.write(bytesOf(value), entry.begin)
      missing.delete(name)
    },
    commit: async () => {
      if (missing.size > 0) {
        await file.abort()
        throw new FormatError(
          'missing',
          `${path}: ${missing.size} announced tensors were not written: ${[...missing].slice(0, 3)}`,
        )
      }
      await file.commit()
    },
    abort: () => file.abort(),
  }
}
