import { expect, it } from 'vitest'
import { fuzz, MAX_ALLOCATION, MAX_MILLISECONDS } from '../src/fuzz.ts'
import { guardedFuzz } from '../src/guard.ts'
import { makeTargets } from '../src/targets.ts'

it('3,000 mutated files: read or refused, never a crash, a hang, or memory without bound', async () => {
  const report = await fuzz(await makeTargets(), 0, 3000)
  expect(report.failures).toEqual([])
  expect(report.largestAllocation).toBeLessThan(MAX_ALLOCATION)
  expect(report.slowest).toBeLessThan(MAX_MILLISECONDS)
  // Cases that nothing refuses, or that everything refuses for one reason, would test nothing.
  expect(report.outcomes.size).toBeGreaterThan(20)
  expect(report.outcomes.get('gguf model with tokenizer accepted')).toBeGreaterThan(20)
  expect(report.outcomes.get('safetensors accepted')).toBeGreaterThan(20)
  expect(report.outcomes.get('onnx accepted')).toBeGreaterThan(20)
})

it('what crashes, does not end, takes too much or dies is named, and the cases after it are run', async () => {
  const report = await guardedFuzz({
    targets: new URL('bad-targets.ts', import.meta.url).href,
    // One that dies, one that does not end, three greedy, three sound, one that crashes.
    first: 4,
    count: 9,
    hungMilliseconds: 1500,
  })
  const named = (what: RegExp) => report.failures.filter(failure => what.test(failure)).length
  expect(named(/^case 12: TypeError: crashed/)).toBe(1)
  expect(named(/^case 5: does not end in 1.5 s/)).toBe(1)
  expect(named(/^case (6|10|11): took \d+ bytes of memory/)).toBe(3)
  expect(named(/^case 4: ended the thread with 3/)).toBe(1)
  expect(report.outcomes.get('sound accepted')).toBe(3)
  expect(report.cases).toBe(9)
}, 60_000)

it('a case depends on its number only', async () => {
  const targets = await makeTargets()
  const [whole, part] = [await fuzz(targets, 100, 50), await fuzz(targets, 149, 1)]
  expect((await fuzz(targets, 100, 50)).outcomes).toEqual(whole.outcomes)
  const before = await fuzz(targets, 100, 49)
  const [label] = [...part.outcomes.keys()]
  expect(whole.outcomes.get(label!)! - (before.outcomes.get(label!) ?? 0)).toBe(1)
})
