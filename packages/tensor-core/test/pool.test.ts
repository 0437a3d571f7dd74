import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { createPool, kernelRef } from '../src/index.ts'
import { splitRows } from '../src/kernels/pool.ts'

const kernel = (name: string) => kernelRef(import.meta.url, './kernels/counting', name)

describe('worker pool', () => {
  test('rows are split into contiguous shares that cover all, none empty', () => {
    for (const [rows, parts] of [
      [10, 3],
      [2, 8],
      [0, 4],
      [7, 7],
      [1000, 6],
    ] as const) {
      const ranges = splitRows(rows, parts)
      expect(ranges.length).toBe(Math.min(rows, parts))
      expect(ranges.flatMap(([start, end]) => Array.from({ length: end - start }, (_, i) => start + i))).toEqual(
        Array.from({ length: rows }, (_, i) => i),
      )
      expect(ranges.every(([start, end]) => end > start)).toBe(true)
    }
  })

  test('the caller does the first share, workers the others; results come in order', async () => {
    const pool = createPool({ threads: 3 })
    const results = await pool.rows<[number, number, number]>(kernel('shares'), 9, undefined)
    expect(results.map(([start, end]) => [start, end])).toEqual([
      [0, 3],
      [3, 6],
      [6, 9],
    ])
    expect(new Set(results.map(([, , thread]) => thread)).size).toBe(3)
    await pool.close()
  })

  test('shared memory brings results back', async () => {
    const pool = createPool({ threads: 2 })
    const out = new Int32Array(new SharedArrayBuffer(400))
    await pool.rows(kernel('fillSquares'), 100, out)
    expect(Array.from(out)).toEqual(Array.from({ length: 100 }, (_, i) => i * i))
    await pool.close()
  })

  test("a kernel's error arrives with its message, and the pool goes on working", async () => {
    const pool = createPool({ threads: 2 })
    await expect(pool.rows(kernel('failAfter'), 10, 5)).rejects.toThrow('row 9 cannot be done')
    await expect(pool.rows(kernel('failAfter'), 10, 1)).rejects.toThrow('row 4 cannot be done')
    await expect(pool.rows(kernel('notAFunction'), 1, 0)).rejects.toThrow('exports no function "notAFunction"')
    await expect(pool.rows(kernel('shares'), 4, () => 1)).rejects.toThrow('could not be cloned')
    expect(await pool.rows(kernel('failAfter'), 10, 99)).toEqual([undefined, undefined])
    await pool.close()
  })

  test('a worker that stops is an error, not a wait without end; so is a closed pool', async () => {
    const pool = createPool({ threads: 2 })
    await expect(pool.rows(kernel('exit'), 2, 0)).rejects.toThrow('a worker thread stopped with code 3')
    await pool.close()
    await expect(pool.rows(kernel('shares'), 2, 0)).rejects.toThrow('pool: closed')
    expect(() => createPool({ threads: 0 })).toThrow('expected 1 to 256 threads, got 0')
  })

  test('an idle pool that nobody closed does not keep the process alive', async () => {
    const run = promisify(execFile)
    const module = new URL('../src/kernels/pool.ts', import.meta.url).href
    const script = `const { createPool } = await import(${JSON.stringify(module)})
      const pool = createPool({ threads: 2 })
      const done = await pool.rows(${JSON.stringify(kernel('shares'))}, 2, 0)
      console.log(done.length)`
    const args = ['--conditions=@sinter/source', '--input-type=module', '--eval', script]
    const cwd = fileURLToPath(new URL('..', import.meta.url))
    const { stdout } = await run(process.execPath, args, { cwd, timeout: 30_000 })
    expect(stdout.trim()).toBe('2')
  })
})
