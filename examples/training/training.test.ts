import { expect, test } from 'vitest'

test('the recipe of the folder halves the loss, and what it writes opens again', async () => {
  const { blocks, result } = await import('./train-a-model.ts')
  expect(result.after!.loss).toBeLessThan(result.before!.loss! / 2)
  expect(result.trained.map(({ name }) => name.split('.').at(-3))).toEqual([
    'q_proj',
    'q_proj',
    'v_proj',
    'v_proj',
    'o_proj',
    'o_proj',
  ])
  expect(blocks).toBe(4)
})
