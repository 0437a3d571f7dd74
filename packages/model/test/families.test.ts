import { generate, logits } from '@sinter/model'
import { type Backend, ortNodeBackend, ortWebBackend, referenceBackend } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { collect, folders, maxDifference, tellLeftOut, withFolder } from './helpers/family-folders.ts'

tellLeftOut()

const backends: readonly { name: string; make: () => Backend | Promise<Backend> }[] = [
  { name: 'ONNX Runtime', make: () => ortNodeBackend({ threads: 1 }) },
  { name: 'interpreter', make: () => referenceBackend() },
  { name: 'ONNX Runtime Web', make: () => ortWebBackend({ device: 'wasm' }) },
]

describe.each(backends)('recorded results on $name', ({ make }) => {
  let backend: Backend
  beforeAll(async () => {
    backend = await make()
  })
  afterAll(() => backend.close())

  test.each(folders)('%s: logits, head input and every hidden state', name =>
    withFolder(name, async ({ model, expected, atol }) => {
      const results = await logits(model, backend, expected.tensor('input_ids'), { hidden: true })
      const names = expected.names().filter(n => n === 'logits' || n === 'head_input' || n.startsWith('hidden.'))
      expect([...results.keys()].sort()).toEqual(names.sort())
      for (const n of names) expect(maxDifference(results.get(n)!, expected.tensor(n)), n).toBeLessThanOrEqual(atol)
    }),
  )

  test.each(folders)('%s: greedy continuation with a cache', name =>
    withFolder(name, async ({ model, expected }) => {
      const prompt = [...expected.f64('input_ids').slice(0, 8)]
      const made = await collect(generate(model, backend, prompt, { tokens: 8, stopIds: [] }))
      expect(made).toEqual([...expected.f64('greedy')])
    }),
  )
})
