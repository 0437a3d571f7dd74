import { SinterError } from '@sinter/model'
import { expect, test } from 'vitest'
import { isTransform, isWeight, resolveSteps } from '../src/plan/steps.ts'
import { findPreset, presets } from '../src/presets/presets.ts'
import { parseFormat } from '../src/registry/formats.ts'

/** Bits a weight of SmolLM2-135M's down projection, 576 × 1536. */
function bitsOf(name: string): number {
  const recipe = findPreset(name)
  const last = resolveSteps(recipe, parseFormat(recipe.output?.format ?? 'hf'))
    .filter(isWeight)
    .at(-1)!
  return last.method.bitsPerWeight([576, 1536], last.options)
}

test.each([
  ['balanced', 4.3125],
  ['fast', 4.3125],
  ['small', 3 + (16 + 3) / 64],
  ['sparse', 9],
  ['q4_0', 4.5],
  ['q4_1', 5],
])('%s takes %d bits a weight', (name, bits) => {
  expect(bitsOf(name)).toBe(bits)
})

test('every preset is covered above, and is a valid recipe', () => {
  expect(presets.map(preset => preset.name)).toEqual(['balanced', 'fast', 'small', 'sparse', 'q4_0', 'q4_1'])
  for (const preset of presets) expect(findPreset(preset.name).version).toBe(1)
})

test('AWQ assumes the grid that GPTQ will use', () => {
  for (const name of ['balanced', 'small']) {
    const steps = resolveSteps(findPreset(name), parseFormat('hf'))
    const [awq] = steps.filter(isTransform)
    const [gptq] = steps.filter(isWeight)
    for (const key of ['bits', 'groupSize', 'symmetric', 'symmetricRange', 'zero', 'scaleDType'])
      expect(awq!.options).toHaveProperty(key, (gptq!.options as Record<string, unknown>)[key])
  }
})

test('an unknown preset names the nearest', () => {
  expect(() => findPreset('balancd')).toThrow(SinterError)
  expect(() => findPreset('balancd')).toThrow(/did you mean "balanced"\?/)
})
