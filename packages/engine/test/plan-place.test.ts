import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { checkSpace, freeBytes, outputPath } from '../src/plan/output-place.ts'
import { compress } from '../src/run/compress.ts'
import { demoPath, folder, plan, refusal, rtn, words } from './plan-setup.ts'

describe('the place', () => {
  test('exists and holds something', async () => {
    const out = join(folder, 'full')
    await mkdir(out)
    await writeFile(join(out, 'x'), '')
    await expect(plan([rtn], {}, { out })).rejects.toThrow(/exists and is not empty/)
    await writeFile(join(folder, 'a.gguf'), '')
    const error = await refusal(plan([rtn], { output: { format: 'gguf:Q8_0' } }, { out: join(folder, 'a.gguf') }))
    expect([error.message, error.exitCode]).toEqual([expect.stringMatching(/a\.gguf: exists/), 4])
  })

  test('lies inside the input, also behind a link', async () => {
    const link = join(folder, 'link')
    await symlink(demoPath, link)
    for (const base of [demoPath, link]) {
      await expect(plan([rtn], {}, { out: join(base, 'out') })).rejects.toThrow(FormatError)
      const error = await refusal(plan([rtn], { output: { format: 'gguf:Q8_0' } }, { out: join(base, 'out.gguf') }))
      expect(error.message).toMatch(/lies inside the input/)
    }
  })

  test('a disk that is too small is refused with both numbers, before any work', async () => {
    const free = await freeBytes(folder)
    const error = await refusal(checkSpace(join(folder, 'new'), 2 * free + 1e9))
    expect([error.code, error.exitCode]).toEqual(['disk-space', 4])
    expect(error.message).toMatch(/needs about \d+ MB of disk and \d+ MB are free/)
    await checkSpace(join(folder, 'new'), 1)
  })

  test('a GGUF goes into the folder that is named, or is the file that is named', () => {
    const gguf = { container: 'gguf', encoding: 'Q4_0' } as const
    expect(outputPath('small', gguf)).toBe(join('small', 'model.gguf'))
    expect(outputPath('small.gguf', gguf)).toBe('small.gguf')
    expect(outputPath('small', { container: 'hf', encoding: 'keep' })).toBe('small')
  })
})

describe('estimates', () => {
  test.each(['hf', 'hf:f32', 'gguf:Q4_0', 'gguf:F16'])('%s: the output is as large as foretold', async format => {
    const output = { format }
    const out = join(folder, `size-${format.replace(':', '-')}${format.startsWith('gguf') ? '.gguf' : ''}`)
    const made = await plan([rtn], { output }, { out, threads: 1 })
    const run = compress(made, { out })
    let step = await run.next()
    while (!step.done) step = await run.next()
    const rest = step.value.outputBytes - made.estimate.outputBytes
    // Headers and the tokenizer: 55 kB as JSON.
    expect(rest).toBeGreaterThan(0)
    expect(rest).toBeLessThan(70_000)
    const bits = made.rows
      .filter(r => r.action === 'compress')
      .reduce((n, r) => n + r.bitsPerWeight * sizeOf(r.shape), 0)
    expect(Object.values(step.value.bits).reduce((a, b) => a + b)).toBe(bits)
  })

  test('more text takes more time, memory and disk; more threads less time', async () => {
    const of = async (samples: number, threads: number) =>
      (await plan([{ method: 'gptq' }], { calibration: { samples, length: 64 } }, { calibrationText: words, threads }))
        .estimate
    const [small, large, wide] = [await of(2, 1), await of(40, 1), await of(40, 4)]
    for (const key of ['seconds', 'memoryBytes', 'diskBytes'] as const) expect(large[key]).toBeGreaterThan(small[key])
    expect(wide.seconds).toBeLessThan(large.seconds)
  })

  test('a budget of memory puts the calibration cache on disk, and says when that is not enough', async () => {
    const calibration = { samples: 64, length: 64 }
    const gptq = (memoryBudget: number) =>
      plan([{ method: 'gptq' }], { calibration }, { calibrationText: words, memoryBudget })
    const free = await gptq(2 ** 40)
    expect([free.cache, free.warnings.length]).toEqual(['memory', 1])
    const tight = await gptq(free.estimate.memoryBytes - 1)
    expect(tight.cache).toBe('disk')
    expect(tight.estimate.memoryBytes).toBeLessThan(free.estimate.memoryBytes)
    expect((await gptq(2 ** 20)).warnings[0]).toMatch(
      /needs about \d+ MiB even with its cache on disk, more than the 1 MiB/,
    )
  })
})
