import { mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freeBuffer } from '@sinter/tensor-core'
import type { FloatArray, OptimizerState } from './optimizer.ts'

/** What the optimizer remembers of every tensor: in memory, or in pages on the disk, read when their tensor takes its step. */
export interface OptimizerStore {
  names(): readonly string[]
  get(name: string): Promise<OptimizerState | undefined>
  /** Takes the arrays over: whoever wants them again asks for them. */
  put(name: string, state: OptimizerState): Promise<void>
  close(): Promise<void>
}

export function memoryStates(): OptimizerStore {
  const states = new Map<string, OptimizerState>()
  return {
    names: () => [...states.keys()],
    get: async name => states.get(name),
    put: async (name, state) => void states.set(name, state),
    close: async () => states.clear(),
  }
}

interface Page {
  readonly key: string
  readonly kind: 'f32' | 'f64' | 'u8'
  readonly at: number
  readonly length: number
}

const arrays = { f32: Float32Array, f64: Float64Array, u8: Uint8Array } as const

/**
 * States in one file, each tensor's at its own place (QLoRA's paged optimizer, 2305.14314 §3, where the fast memory is the
 * process's own). A step then reads and writes all of them once. The file is scratch: checkpoints are what is durable.
 */
export async function pagedStates(folder: string): Promise<OptimizerStore> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'optimizer-pages')
  const file = await open(path, 'w+')
  const pages = new Map<string, readonly Page[]>()
  let end = 0
  const place = (name: string, state: OptimizerState): readonly Page[] => {
    const made = Object.entries(state).map(([key, data]): Page => {
      const page = { key, kind: kindOf(data), at: end, length: data.length }
      end += data.byteLength
      return page
    })
    pages.set(name, made)
    return made
  }
  return {
    names: () => [...pages.keys()],
    async get(name) {
      const own = pages.get(name)
      if (!own) return undefined
      const state: Record<string, FloatArray | Uint8Array> = {}
      for (const { key, kind, at, length } of own) {
        const data = new arrays[kind](length)
        await readAll(file, new Uint8Array(data.buffer), at)
        state[key] = data
      }
      return state
    },
    async put(name, state) {
      for (const { key, at } of pages.get(name) ?? place(name, state)) {
        const data = state[key]!
        await writeAll(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
        freeBuffer(data)
      }
    },
    async close() {
      await file.close()
      await rm(path, { force: true })
    },
  }
}

const kindOf = (data: FloatArray | Uint8Array): Page['kind'] =>
  data instanceof Float32Array ? 'f32' : data instanceof Float64Array ? 'f64' : 'u8'

type File = Awaited<ReturnType<typeof open>>

/** The system reads and writes at most 2 GiB in one call, and may do less. */
async function readAll(file: File, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, Math.min(bytes.length - done, 2 ** 30), at + done)
    if (bytesRead === 0) throw new RangeError(`optimizer pages end at ${at + done}`)
    done += bytesRead
  }
}

async function writeAll(file: File, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; )
    done += (await file.write(bytes, done, Math.min(bytes.length - done, 2 ** 30), at + done)).bytesWritten
}
