import type { Backend, Graph, Program } from '@sinter/tensor-core'

/** Compiled graphs by key, each compiled once. */
export interface Programs {
  get(key: string, make: () => Graph): Promise<Program>
  close(): Promise<void>
}

export function createPrograms(backend: Backend): Programs {
  const compiled = new Map<string, Promise<Program>>()
  return {
    get(key, make) {
      const known = compiled.get(key) ?? backend.compile(make())
      compiled.set(key, known)
      return known
    },
    async close() {
      const settled = await Promise.allSettled(compiled.values())
      compiled.clear()
      for (const result of settled) if (result.status === 'fulfilled') await result.value.close()
    },
  }
}
