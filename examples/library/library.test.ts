import { expect, test } from 'vitest'

test('GPTQ moves the outputs of a matrix less than rounding does', async () => {
  const { errors } = await import('./quantize-a-matrix.ts')
  expect(errors.corrected).toBeGreaterThan(0)
  expect(errors.corrected).toBeLessThan(0.7 * errors.rounded)
})

test('a model compressed from code opens again, the protected matrices untouched', async () => {
  const { encodings } = await import('./compress-a-model.ts')
  expect([...encodings].sort()).toEqual(['F16', 'F32', 'Q4_0', 'Q6_K'])
})
