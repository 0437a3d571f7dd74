import { lora } from '@sinter/lowrank'
import { openModel, overlayWeights, storedLayers } from '@sinter/model'
import { createRng, toF32 } from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { findMethod } from '../src/registry/methods.ts'
import { backboneWeights } from '../src/train/backbone.ts'
import { writeTrained } from '../src/train/write-trained.ts'
import { at, demoPath, here, recipeOf } from './train-setup.ts'

const gpt2 = here('../../model/test/fixtures/families/gpt2-hub-names')
const options = { rank: 2, alpha: 4, targets: [] }

describe('adapters are merged into', () => {
  // bf16, and matrices stored as [in, out].
  test.each([
    ['llama in 16 bits', demoPath],
    ['gpt2', gpt2],
  ])('%s', async (name, path) => {
    const model = await openModel(path)
    const setup = await lora.setUp(model, options, { seed: 1 })
    const rng = createRng(3)
    for (const [stored, { data }] of setup.parameters)
      if (stored.includes('lora_B')) for (let i = 0; i < data.length; i++) data[i] = rng.normal()
    const out = await writeTrained(model, setup, new Map(), recipeOf({ output: { format: 'hf:f32' } }), {
      out: at(`merged-${name}`),
      signal: undefined,
      onProgress: () => {},
    })
    const merged = await openModel(out)
    for (const { block, name: layer, stored } of storedLayers(model)) {
      const [before, after] = [await model.readBlock(block), await merged.readBlock(block)]
      const [weight, found] = [before.get(`${layer}.weight`)!, after.get(`${layer}.weight`)!]
      const [a, b] = ['A', 'B'].map(side => setup.parameters.get(`${stored}.lora_${side}.weight`)!)
      const [rows, width] = weight.shape as [number, number]
      // W + (alpha / rank) B A, element by element.
      const worst = weight.data.reduce((most, w, i) => {
        const [o, j] = [Math.floor(i / width), i % width]
        let sum = 0
        for (let r = 0; r < 2; r++) sum += b!.data[o * 2 + r]! * a!.data[r * width + j]!
        return Math.max(most, Math.abs(found.data[i]! - (w + 2 * sum)))
      }, 0)
      expect(found.shape).toEqual([rows, width])
      expect(worst, `${block} ${layer}`).toBeLessThan(1e-5)
    }
    await model.close()
    await merged.close()
  })
})

test('a backbone refuses matrices that are stored as [in, out]', async () => {
  const model = await openModel(gpt2)
  const nf4 = findMethod('nf4') as Parameters<typeof backboneWeights>[1]['method']
  await expect(backboneWeights(model, { method: nf4, options: nf4.options.parse({}) })).rejects.toThrow(
    /h\.0\.attn\.c_attn is stored as \[in, out\]/,
  )
  await model.close()
})

test('a rounded backbone is what is read, and what is written', async () => {
  const model = await openModel(demoPath)
  const rtn = findMethod('rtn') as Parameters<typeof backboneWeights>[1]['method']
  const weights = await backboneWeights(model, { method: rtn, options: rtn.options.parse({ bits: 2, groupSize: 64 }) })
  const over = model.over(overlayWeights(model.source, weights))
  const out = await writeTrained(
    model,
    { parameters: new Map() },
    weights,
    recipeOf({ output: { format: 'hf:f32' } }),
    {
      out: at('rounded'),
      signal: undefined,
      onProgress: () => {},
    },
  )
  const written = await openModel(out)
  for (const name of model.source.names())
    expect(toF32(await written.source.read(name)).data, name).toEqual(toF32(await over.source.read(name)).data)
  expect(weights.size).toBe(28)
  await written.close()
  await model.close()
})
