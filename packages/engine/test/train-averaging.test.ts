import { describe, expect, test } from 'vitest'
import { averaged } from '../src/train/averaging.ts'

const setupOf = () => ({
  parameters: new Map([['w', { dtype: 'f32' as const, shape: [2], data: Float32Array.of(1, 2) }]]),
})

describe('an average of the parameters', () => {
  test('the last two of three steps', () => {
    const plain = setupOf()
    const { setup, finish } = averaged(plain, { kind: 'last', count: 2 })
    const w = plain.parameters.get('w')!.data
    for (const [step, values] of [
      [5, 5],
      [2, 4],
      [4, 8],
    ].entries()) {
      w.set(values)
      setup.afterStep!({ step, steps: 3 }, new Map())
    }
    expect([...w]).toEqual([4, 8])
    finish()
    expect([...w]).toEqual([3, 6])
  })

  test('goes on from what a checkpoint put into its state', () => {
    const first = averaged(setupOf(), { kind: 'ema', decay: 0.5, biasCorrection: false })
    first.setup.afterStep!({ step: 0, steps: 4 }, new Map())
    const second = setupOf()
    const resumed = averaged(second, { kind: 'ema', decay: 0.5, biasCorrection: false })
    for (const [name, { data }] of resumed.setup.state!) data.set(first.setup.state!.get(name)!.data)
    second.parameters.get('w')!.data.set([3, 4])
    resumed.setup.afterStep!({ step: 1, steps: 4 }, new Map())
    resumed.finish()
    expect([...second.parameters.get('w')!.data]).toEqual([2, 3])
  })

  test('none: the setup itself', () => {
    const plain = setupOf()
    expect(averaged(plain, undefined).setup).toBe(plain)
  })
})
