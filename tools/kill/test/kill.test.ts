import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { demoJob } from '../src/demo-job.ts'
import { hashOf, killSeries, runToEnd } from '../src/series.ts'
import { trainJob } from '../src/train-job.ts'

const folder = mkdtempSync(join(tmpdir(), 'sinter-kill-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a run killed at two blocks and inside a write, then resumed, writes the bytes of an undisturbed one', async () => {
  const reference = demoJob(folder, 'reference', 'hf')
  await runToEnd(reference, false)
  const killed = demoJob(folder, 'killed', 'hf')
  const kills = await killSeries(killed, [
    { kind: 'block', block: 0 },
    { kind: 'write', skip: 1 },
    { kind: 'block', block: 2 },
  ])
  expect(kills).toBeGreaterThanOrEqual(2)
  expect(hashOf(killed.out)).toBe(hashOf(reference.out))
}, 180_000)

test.each(['lora', 'full'] as const)(
  'a training (%s) killed inside a checkpoint, after one, and while its result is written',
  async method => {
    const reference = trainJob(folder, `${method}-reference`, method)
    await runToEnd(reference, false)
    const killed = trainJob(folder, `${method}-killed`, method)
    const kills = await killSeries(killed, [
      { kind: 'write', skip: 0, of: 'step-' },
      { kind: 'checkpoint', step: 6 },
      { kind: 'write', skip: 0, of: 'model.safetensors' },
    ])
    expect(kills).toBeGreaterThanOrEqual(2)
    expect(hashOf(killed.out)).toBe(hashOf(reference.out))
  },
  180_000,
)
