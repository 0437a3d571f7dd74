import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { glora, lora } from '@sinter/lowrank'
import { encodeSafetensors, logits, openModel, type TrainMethod, type TrainSetup } from '@sinter/model'
import { randomCheckpoint, trainingLogits } from '@sinter/model/testing'
import { createRng, referenceBackend, type Tensor } from '@sinter/tensor-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeTrained } from '../src/train/write-trained.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'write-trained-'))
})
afterAll(() => rm(root, { recursive: true }))

/** Matrices are stored as [in, out], and every layer has a bias. */
const gpt2 = { model_type: 'gpt2', vocab_size: 40, n_embd: 16, n_inner: 24, n_layer: 2, n_head: 4, n_positions: 32 }
const ids: Tensor = { dtype: 'i32', shape: [1, 6], data: Int32Array.of(3, 1, 4, 15, 9, 26) }

/** As if it had been trained. */
function moved(setup: TrainSetup): TrainSetup {
  const rng = createRng('moved')
  for (const { data } of setup.parameters.values()) for (let i = 0; i < data.length; i++) data[i]! += 0.2 * rng.normal()
  return setup
}

test.each([
  [lora, { rank: 2, alpha: 2 }],
  [glora, { rank: 2, c: 'vector', d: 'scalar', e: 'vector' }],
] as [TrainMethod, object][])(
  '%# what is written is the model that was trained, whatever its layout',
  async (method, options) => {
    const { config, source } = randomCheckpoint(gpt2)
    const folder = join(root, method.name)
    const tensors = new Map<string, Tensor>()
    for (const name of source.names()) tensors.set(name, await source.read(name))
    await mkdir(folder)
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors))
    const model = await openModel(folder)
    const setup = moved(await method.setUp(model, method.options.parse(options), { seed: 0 }))
    const out = join(root, `${method.name}-out`)
    await writeTrained(model, setup, new Map(), { output: { format: 'hf' } } as never, { out, onProgress: () => {} })
    const written = await openModel(out)
    const backend = referenceBackend()
    const expected = await trainingLogits(model, setup, backend, ids)
    const got = (await logits(written, backend, ids)).get('logits')!.data as Float32Array
    const plain = (await logits(model, backend, ids)).get('logits')!.data as Float32Array
    const difference = (a: Float32Array, b: Float32Array) => Math.max(...a.map((x, i) => Math.abs(x - b[i]!)))
    expect(difference(got, expected)).toBeLessThan(1e-5)
    expect(difference(got, plain)).toBeGreaterThan(0.1)
    await written.close()
    await model.close()
  },
)
