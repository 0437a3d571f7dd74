import { Worker } from 'node:worker_threads'
import type { KernelRef } from './pool.ts'
import { inheritedFlags } from './worker-flags.ts'

export interface Job {
  readonly id: number
  readonly kernel: KernelRef
  readonly args: unknown
  readonly start: number
  readonly end: number
}

export type Reply = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: unknown }

interface Waiting {
  resolve(value: unknown): void
  reject(error: unknown): void
}

/** Kernels work on shared buffers, so a worker's own heap holds little more than code. */
const limits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 }

/** Starts a worker thread. It keeps the process alive only while a job of it is awaited. */
export function startWorker(): {
  run(kernel: KernelRef, args: unknown, start: number, end: number): Promise<unknown>
  close(): Promise<void>
} {
  const file = import.meta.url.endsWith('.ts') ? './pool-worker.ts' : './pool-worker.js'
  const worker = new Worker(new URL(file, import.meta.url), { resourceLimits: limits, execArgv: inheritedFlags() })
  worker.unref()
  const waiting = new Map<number, Waiting>()
  const failAll = (error: unknown) => {
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  let stopped: Error | undefined
  let jobs = 0
  worker.on('message', (reply: Reply) => {
    const { resolve, reject } = waiting.get(reply.id)!
    waiting.delete(reply.id)
    if (waiting.size === 0) worker.unref()
    if ('error' in reply) reject(reply.error)
    else resolve(reply.value)
  })
  worker.on('error', error => {
    stopped = error instanceof Error ? error : new Error(String(error))
    failAll(stopped)
  })
  worker.on('exit', code => {
    stopped ??= new Error(`pool: a worker thread stopped with code ${code}`)
    failAll(stopped)
  })
  return {
    run(kernel, args, start, end) {
      if (stopped) return Promise.reject(stopped)
      const id = jobs++
      return new Promise((resolve, reject) => {
        // Arguments that cannot be copied throw here, before anything waits for an answer.
        worker.postMessage({ id, kernel, args, start, end } satisfies Job)
        waiting.set(id, { resolve, reject })
        worker.ref()
      })
    },
    async close() {
      await worker.terminate()
    },
  }
}
