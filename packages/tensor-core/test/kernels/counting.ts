import { threadId } from 'node:worker_threads'

/** Row kernels for the tests of the pool. */

export const shares = (_: unknown, start: number, end: number): [number, number, number] => [start, end, threadId]

export function fillSquares(out: Int32Array, start: number, end: number): void {
  for (let i = start; i < end; i++) out[i] = i * i
}

export function failAfter(limit: number, _: number, end: number): void {
  if (end > limit) throw new RangeError(`row ${end - 1} cannot be done`)
}

export function exit(): void {
  if (threadId !== 0) process.exit(3)
}

export const notAFunction = 1
