import type { Elsewhere, ElsewhereStat } from './files/elsewhere.ts'
import type { FileRequest, FromWorker, ToWorker } from './worker-messages.ts'

export interface HostFiles extends Elsewhere {
  settle(answer: Extract<ToWorker, { type: 'file' }>): void
}

/** The files of the workspace, asked of the extension. */
export function askHost(post: (message: FromWorker) => void): HostFiles {
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let ids = 0
  const ask = (request: FileRequest): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const id = ids++
      waiting.set(id, { resolve, reject })
      post({ type: 'file', id, request })
    })
  return {
    stat: async path => (await ask({ kind: 'stat', path })) as ElsewhereStat | undefined,
    names: async path => (await ask({ kind: 'names', path })) as string[],
    read: async path => (await ask({ kind: 'read', path })) as Uint8Array<ArrayBuffer>,
    write: async (path, bytes) => void (await ask({ kind: 'write', path, bytes })),
    settle({ id, value, error }) {
      const found = waiting.get(id)
      waiting.delete(id)
      if (error) found?.reject(Object.assign(new Error(error.message), { code: error.code }))
      else found?.resolve(value)
    },
  }
}
