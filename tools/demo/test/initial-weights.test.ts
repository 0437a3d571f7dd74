import { createModel } from '@sinter/model'
import { expect, test } from 'vitest'
import { configOf, demoShape } from '../src/demo-config.ts'
import { initialWeights, llamaShapes } from '../src/initial-weights.ts'
import { memorySource } from '../src/memory-source.ts'

const weights = initialWeights(demoShape, 1)

const spreadOf = (data: Float32Array): number => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0) / data.length)

test('norms are 1; matrices are normal, those that write to the residual stream smaller by √8', () => {
  for (const [name, { shape, data }] of weights) {
    if (shape.length === 1) expect(data.every(x => x === 1)).toBe(true)
    else {
      const expected = /o_proj|down_proj/.test(name) ? 0.02 / Math.sqrt(8) : 0.02
      // Of a spread from n values the standard deviation is spread / √(2n); the smallest matrix has 32,768.
      expect(Math.abs(spreadOf(data) / expected - 1), name).toBeLessThan(4 / Math.sqrt(2 * data.length))
    }
  }
})

test('they are a LLaMA of 3.4 million parameters that opens', () => {
  const model = createModel({ config: configOf(demoShape), source: memorySource(weights), path: 'nowhere' })
  expect(model.blocks).toBe(4)
  expect(model.outside.head).toBe('model.embed_tokens.weight')
  const count = [...weights.values()].reduce((sum, { data }) => sum + data.length, 0)
  expect(count).toBe(3_410_176)
})

test('the same seed gives the same bits, another seed others, and no two tensors are alike', () => {
  const name = 'model.layers.0.mlp.up_proj.weight'
  expect(initialWeights(demoShape, 1).get(name)).toEqual(weights.get(name))
  expect(initialWeights(demoShape, 2).get(name)).not.toEqual(weights.get(name))
  expect(weights.get('model.layers.0.mlp.gate_proj.weight')!.data).not.toEqual(weights.get(name)!.data)
  expect([...llamaShapes(demoShape).keys()]).toEqual([...weights.keys()])
})

test('memory as a checkpoint: copies, rows, and an error with the name', async () => {
  const source = memorySource(weights)
  const name = 'model.embed_tokens.weight'
  const rows = await source.readRows(name, 5, 2)
  expect(rows.shape).toEqual([2, 256])
  expect(rows.data).toEqual(weights.get(name)!.data.slice(5 * 256, 7 * 256))
  const read = await source.read(name)
  ;(read.data as Float32Array).fill(0)
  expect(weights.get(name)!.data.some(x => x !== 0)).toBe(true)
  await expect(source.read('no.such')).rejects.toThrow(/no tensor "no.such"/)
})
