import type { Pool } from './pool.ts'

/**
 * Buffers that the threads of a pool share, lent for one call and kept for the next. The engine does not count shared memory
 * when it decides to collect garbage, so buffers that are merely dropped pile up.
 */
const idle = new WeakMap<Pool, SharedArrayBuffer[]>()

export interface Loan {
  /** Zeros, [count]. */
  floats(count: number): Float64Array
  bytes(count: number): Uint8Array
  /** Gives everything back; what was lent must not be used any more. */
  end(): void
}

/** Memory for a pool's kernels: shared when other threads take part, else plain arrays that need no giving back. */
export function borrow(pool: Pool): Loan {
  if (pool.threads === 1)
    return { floats: count => new Float64Array(count), bytes: count => new Uint8Array(count), end: () => {} }
  const lent: SharedArrayBuffer[] = []
  const take = (bytes: number) => {
    const buffer = takeIdle(pool, bytes)
    lent.push(buffer)
    return buffer
  }
  return {
    floats: count => new Float64Array(take(count * 8), 0, count).fill(0),
    bytes: count => new Uint8Array(take(count), 0, count).fill(0),
    end() {
      idle.set(pool, [...(idle.get(pool) ?? []), ...lent.splice(0)])
    },
  }
}

/** The smallest idle buffer that is large enough, or a new one. Sizes are powers of two, so that they suit later calls. */
function takeIdle(pool: Pool, bytes: number): SharedArrayBuffer {
  const buffers = idle.get(pool) ?? []
  const fitting = buffers.filter(b => b.byteLength >= bytes).sort((a, b) => a.byteLength - b.byteLength)
  const [best] = fitting
  if (!best) return new SharedArrayBuffer(2 ** Math.ceil(Math.log2(Math.max(bytes, 4096))))
  idle.set(
    pool,
    buffers.filter(b => b !== best),
  )
  return best
}

/** Whether every thread sees the same numbers. */
export const isShared = (data: Float64Array): boolean =>
  typeof SharedArrayBuffer !== 'undefined' && data.buffer instanceof SharedArrayBuffer
