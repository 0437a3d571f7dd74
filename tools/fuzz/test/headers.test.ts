import { expect, it } from 'vitest'
import { fuzzHeaders, MAX_ALLOCATION, MAX_MILLISECONDS } from '../src/fuzz.ts'
import { makeSeeds } from '../src/seeds.ts'

it('2,000 mutated headers: read or refused, never a crash, a hang, or memory without bound', async () => {
  const report = fuzzHeaders(await makeSeeds(), 0, 2000)
  expect(report.failures).toEqual([])
  expect(report.largestAllocation).toBeLessThan(MAX_ALLOCATION)
  expect(report.slowest).toBeLessThan(MAX_MILLISECONDS)
  // Cases that nothing refuses, or that everything refuses for one reason, would test nothing.
  expect(report.outcomes.size).toBeGreaterThan(15)
  expect(report.outcomes.get('gguf accepted')).toBeGreaterThan(20)
  expect(report.outcomes.get('safetensors accepted')).toBeGreaterThan(20)
  expect(report.outcomes.get('onnx accepted')).toBeGreaterThan(20)
})
