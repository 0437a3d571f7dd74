import { createLearner, crossEntropy, everyToken } from '@sinter/model'
import { ortNodeBackend, referenceBackend, toF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { folders, tellLeftOut, withFolder } from './helpers/family-folders.ts'

tellLeftOut()

describe.each([
  { name: 'ONNX Runtime', make: () => ortNodeBackend({ threads: 1 }) },
  { name: 'interpreter', make: () => referenceBackend() },
])('recorded loss and gradients on $name', ({ make }) => {
  test.each(folders)('%s', name =>
    withFolder(name, async ({ model, expected }) => {
      const names = expected.names().filter(n => n.startsWith('grad.'))
      const parameters = new Map<string, ReturnType<typeof toF32>>()
      for (const n of names) {
        const stored = n.slice('grad.'.length)
        const { shape, data } = toF32(await model.source.read(stored))
        parameters.set(stored, { dtype: 'f32', shape, data: data.slice() })
      }
      const backend = make()
      const learner = createLearner(model, { backend, objective: crossEntropy, parameters })
      try {
        const { terms, gradients } = await learner.gradients([everyToken(expected.tensor('input_ids'))])
        expect(Math.abs(terms.loss! - expected.f64('loss')[0]!)).toBeLessThan(2e-6 * Math.abs(terms.loss!))
        expect([...gradients.keys()].toSorted()).toEqual([...parameters.keys()].toSorted())
        for (const n of names) {
          const recorded = expected.f64(n)
          const own = gradients.get(n.slice('grad.'.length))!
          const largest = recorded.reduce((m, v) => Math.max(m, Math.abs(v)), 0)
          const worst = recorded.reduce((m, v, i) => Math.max(m, Math.abs(v - own[i]!)), 0)
          expect(worst, n).toBeLessThanOrEqual(1e-4 * largest)
        }
      } finally {
        await learner.close()
        await backend.close()
      }
    }),
  )
})
