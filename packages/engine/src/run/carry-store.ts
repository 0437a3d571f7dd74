import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Backend, bytesOf, freeBuffer, type Resident, type Tensor, zeros } from '@sinter/tensor-core'

/** Carried activations of every calibration batch, by the name of the value. */
export interface CarryStore {
  /** A value to read; hand it back with `done`, which may forget it for good. */
  get(name: string, batch: number): Promise<Resident>
  done(name: string, batch: number, buffer: Resident, forget: boolean): void
  /** Takes the buffer over. */
  put(name: string, batch: number, buffer: Resident): Promise<void>
  /** A copy of a value, for the journal. */
  copy(name: string, batch: number): Promise<Tensor>
  rename(from: string, to: string): Promise<void>
  drop(name: string): Promise<void>
  close(): Promise<void>
}

/** All batches stay with the backend: 4 bytes × tokens × width each. */
export function memoryStore(): CarryStore {
  const values = new Map<string, Resident[]>()
  const of = (name: string) => {
    const list = values.get(name) ?? []
    values.set(name, list)
    return list
  }
  return {
    get: async (name, batch) => of(name)[batch]!,
    done(name, batch, buffer, forget) {
      if (!forget) return
      delete of(name)[batch]
      buffer.release()
    },
    put: async (name, batch, buffer) => void (of(name)[batch] = buffer),
    copy: (name, batch) => of(name)[batch]!.read(),
    async rename(from, to) {
      values.set(to, of(from))
      values.delete(from)
    },
    async drop(name) {
      for (const buffer of of(name)) if (buffer) buffer.release()
      values.delete(name)
    },
    async close() {
      for (const name of [...values.keys()]) await this.drop(name)
    },
  }
}

interface CarryFile {
  readonly handle: FileHandle
  readonly path: string
  readonly shapes: (readonly number[])[]
  /** The write under way: the next batch is computed meanwhile. */
  written: Promise<void>
  /** The batch after the one last asked for. */
  ahead?: { readonly batch: number; readonly value: Promise<Tensor> }
}

/** One file a value; in memory are the batch in work, the one being written and the one read ahead. */
export function diskStore(directory: string, backend: Backend): CarryStore {
  const files = new Map<string, CarryFile>()
  let made = 0
  const fileOf = async (name: string): Promise<CarryFile> => {
    const known = files.get(name)
    if (known) return known
    const path = join(directory, `carry-${made++}.bin`)
    const file = { handle: await open(path, 'w+'), path, shapes: [], written: Promise.resolve() }
    files.set(name, file)
    return file
  }
  const read = async ({ handle, shapes }: CarryFile, batch: number): Promise<Tensor> => {
    const tensor = zeros('f32', shapes[batch]!)
    const bytes = bytesOf(tensor)
    await handle.read(bytes, 0, bytes.length, batch * strideOf(shapes))
    return tensor
  }
  return {
    async get(name, batch) {
      const file = await fileOf(name)
      await file.written
      const value = await (file.ahead?.batch === batch ? file.ahead.value : read(file, batch))
      const next = batch + 1
      if (next < file.shapes.length) file.ahead = { batch: next, value: read(file, next) }
      else delete file.ahead
      return backend.upload(value, { move: true })
    },
    done: (_name, _batch, buffer) => buffer.release(),
    async put(name, batch, buffer) {
      const file = await fileOf(name)
      file.shapes[batch] = buffer.shape
      const taken = buffer.take()
      await file.written
      file.written = write(file, batch, taken)
      file.written.catch(() => {})
    },
    async copy(name, batch) {
      const file = await fileOf(name)
      await file.written
      return read(file, batch)
    },
    async rename(from, to) {
      const file = files.get(from)
      if (!file) return
      files.delete(from)
      await this.drop(to)
      files.set(to, file)
    },
    async drop(name) {
      const file = files.get(name)
      if (!file) return
      files.delete(name)
      await Promise.allSettled([file.written, file.ahead?.value])
      await file.handle.close()
      await rm(file.path, { force: true })
    },
    async close() {
      for (const name of [...files.keys()]) await this.drop(name)
    },
  }
}

/** Every batch but the last has the size of the first. */
const strideOf = (shapes: readonly (readonly number[])[]): number => shapes[0]!.reduce((n, dim) => n * dim, 4)

async function write({ handle, shapes }: CarryFile, batch: number, taken: Promise<Tensor>): Promise<void> {
  const value = await taken
  await handle.write(bytesOf(value), 0, value.data.byteLength, batch * strideOf(shapes))
  freeBuffer(value.data)
}
