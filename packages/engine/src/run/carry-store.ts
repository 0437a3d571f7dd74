import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Backend, bytesOf, type Resident, type Tensor, zeros } from '@sinter/tensor-core'

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

/** One file a value; only the batch in work is in memory. */
export function diskStore(directory: string, backend: Backend): CarryStore {
  const files = new Map<string, { handle: FileHandle; path: string; shapes: (readonly number[])[] }>()
  const fileOf = async (name: string) => {
    const known = files.get(name)
    if (known) return known
    const path = join(directory, `carry-${name.replace(/[^\w.]/g, '_')}.bin`)
    const made = { handle: await open(path, 'w+'), path, shapes: [] }
    files.set(name, made)
    return made
  }
  const read = async (name: string, batch: number): Promise<Tensor> => {
    const { handle, shapes } = await fileOf(name)
    const tensor = zeros('f32', shapes[batch]!)
    const bytes = bytesOf(tensor)
    // Every batch but the last has the size of the first.
    const stride = shapes[0]!.reduce((n, dim) => n * dim, 4)
    await handle.read(bytes, 0, bytes.length, batch * stride)
    return tensor
  }
  return {
    async get(name, batch) {
      return backend.upload(await read(name, batch), { move: true })
    },
    done: (_name, _batch, buffer) => buffer.release(),
    async put(name, batch, buffer) {
      const file = await fileOf(name)
      const value = await buffer.read()
      buffer.release()
      file.shapes[batch] = value.shape
      const stride = file.shapes[0]!.reduce((n, dim) => n * dim, 4)
      await file.handle.write(bytesOf(value), 0, value.data.byteLength, batch * stride)
    },
    copy: read,
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
      await file.handle.close()
      await rm(file.path, { force: true })
    },
    async close() {
      for (const name of [...files.keys()]) await this.drop(name)
    },
  }
}
