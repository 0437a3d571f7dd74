/** Runs into the container for sparse matrices: how small they are, and that they are the dense result to the byte. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createWeightsWriter, makeFolder, openCheckpoint, openModel } from '@sinter/model'
import { describe, expect, it } from 'vitest'
import { lossOf } from '../src/convert/losses.ts'
import { compress } from '../src/run/compress.ts'
import { demoPath, folder, here, plan } from './plan-setup.ts'

const gpt2 = here('../../model/test/fixtures/families/gpt2-hub-names')

async function run(path: string, options: Record<string, unknown>, format: string, out: string) {
  const model = await openModel(path)
  const resolved = await plan([{ method: 'magnitude', ...options }], { output: { format } }, { out, threads: 1 }, model)
  await model.close()
  const notes: string[] = []
  for await (const event of compress(resolved, { out }))
    if (event.type === 'done') notes.push(...event.result.notes.map(({ note }) => note.message))
  return notes
}

/** The sparse folder as a dense one. */
async function expand(from: string, to: string): Promise<void> {
  const { source, close } = await openCheckpoint(from)
  await makeFolder(to)
  const specs = source.names().map(name => ({ name, dtype: source.info(name).dtype, shape: source.info(name).shape }))
  const writer = createWeightsWriter(to, specs)
  for (const { name } of specs) await writer.write(name, await source.read(name))
  await writer.commit()
  await close()
}

async function sizes(path: string) {
  const { source, close } = await openCheckpoint(path)
  const names = source.names().filter(name => /proj\.weight$/.test(name))
  const bytes = names.reduce((sum, name) => sum + source.info(name).bytes, 0)
  const dense = names.reduce((sum, name) => sum + 2 * source.info(name).shape.reduce((a, b) => a * b, 1), 0)
  const encodings = new Set(names.map(name => source.info(name).encoding))
  await close()
  return { ratio: bytes / dense, encodings: [...encodings] }
}

describe.each([
  ['50 %', { sparsity: 0.5 }, 'BF16 bitmask', 0.57],
  ['2:4', { pattern: '2:4' }, 'BF16 2:4', 0.55],
])('the demo model, %s', (name, options, encoding, ceiling) => {
  it('its matrices shrink, and expand to the bytes of the dense result', async () => {
    const [dense, sparse, back] = ['dense', 'sparse', 'back'].map(kind => join(folder, `${name}-${kind}`)) as [
      string,
      string,
      string,
    ]
    await run(demoPath, options, 'hf', dense)
    expect(await run(demoPath, options, 'sparse', sparse)).toEqual([])
    expect(await sizes(sparse)).toEqual({ ratio: expect.closeTo(ceiling - 0.005, 2), encodings: [encoding] })
    expect((await sizes(sparse)).ratio).toBeLessThanOrEqual(ceiling)
    await expand(sparse, back)
    const file = 'model.safetensors'
    expect((await readFile(join(back, file))).equals(await readFile(join(dense, file)))).toBe(true)
    expect((await openCheckpointOf(sparse)).config).toEqual((await openCheckpointOf(dense)).config)
    // A reader of dense models finds no file that it knows.
    await expect(stat(join(sparse, file))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('as compressed-tensors had it: every compressed matrix by a mask, and the config says which', async () => {
    const out = join(folder, `${name}-bitmask`)
    await run(demoPath, options, 'sparse:bitmask', out)
    expect((await sizes(out)).encodings).toEqual(['BF16 bitmask'])
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8')) as {
      quantization_config: { sparsity_config: { targets: string[]; global_sparsity: number } }
    }
    const { targets, global_sparsity } = config.quantization_config.sparsity_config
    expect(targets).toContain('model.layers.3.mlp.down_proj')
    expect(targets).toHaveLength(28)
    expect(global_sparsity).toBeCloseTo(0.5, 2)
  })
})

async function openCheckpointOf(path: string) {
  const checkpoint = await openCheckpoint(path)
  await checkpoint.close()
  return checkpoint
}

it('matrices stored as [in, out] come back as they were', async () => {
  const [dense, sparse, back] = ['gpt2', 'gpt2-sparse', 'gpt2-back'].map(kind => join(folder, kind)) as [
    string,
    string,
    string,
  ]
  await run(gpt2, { sparsity: 0.7 }, 'hf', dense)
  await run(gpt2, { sparsity: 0.7 }, 'sparse', sparse)
  await expand(sparse, back)
  const file = 'model.safetensors'
  expect((await readFile(join(back, file))).equals(await readFile(join(dense, file)))).toBe(true)
})

it('places of zeros are no numbers: nothing is lost with them', () => {
  expect(['BF16 2:4', 'BF16 bitmask'].map(from => lossOf(from, 'BF16'))).toEqual(['nothing', 'nothing'])
  expect(lossOf('F32 4:8', 'BF16')).toBe('rounded')
})

it('says when the zeros are too few to be worth a mask', async () => {
  const notes = await run(demoPath, { sparsity: 0.02 }, 'sparse', join(folder, 'few'))
  expect(notes).toEqual(['28 of 28 compressed matrices have too few zeros and are stored as plain numbers'])
})
