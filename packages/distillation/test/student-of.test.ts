import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  createLearner,
  createModel,
  crossEntropy,
  encodeSafetensors,
  everyToken,
  logits,
  type Model,
  openModel,
} from '@sinter/model'
import { graph, ortNodeBackend, type Tensor, zeros } from '@sinter/tensor-core'
import { afterAll, describe, expect, test } from 'vitest'
import { blockInfluence, keptBlocks, mostInfluential, studentOf } from '../src/index.ts'
import { openTiny, parametersOf, someIds } from './helpers/tiny.ts'

const backend = ortNodeBackend({ threads: 1 })
afterAll(() => backend.close())
const openFamily = (name: string): Promise<Model> =>
  openModel(fileURLToPath(new URL(`./fixtures/families/${name}`, import.meta.url)))

/** What block `index` of a model gives for hidden states. */
async function through(model: Model, index: number, x: Tensor): Promise<Tensor> {
  const block = model.blockGraph(index)
  const program = await backend.compile(graph({ y: block.output }))
  const tables = Object.fromEntries(model.tables(block, x.shape[1]!))
  const { y } = await program.run({ x, ...tables, ...Object.fromEntries(await model.readBlock(index)) })
  await program.close()
  return y as Tensor
}

/** Every block of the student computes what its original does, and so do embedding and head. */
async function expectBlocksOf(teacher: Model, student: Model, blocks: readonly number[]): Promise<void> {
  const ids = someIds(1, 12, 'text', Math.min(60, teacher.config.vocabSize))
  const own = await logits(student, backend, ids, { hidden: true })
  const other = await logits(teacher, backend, ids, { hidden: true })
  expect(own.get('hidden.0')).toEqual(other.get('hidden.0'))
  for (const [i, block] of blocks.entries())
    expect(own.get(`hidden.${i + 1}`), `block ${block}`).toEqual(await through(teacher, block, own.get(`hidden.${i}`)!))
  expect(student.blocks).toBe(blocks.length)
}

describe('some blocks of a model are a model', () => {
  test.each<[string, number[][]]>([
    // Windows on every layer but each third, another rotation there.
    ['gemma3-linear-global', [[0, 1, 2, 3], [0, 2], [2], [1, 2, 3]]],
    // No rotation on every third.
    ['smollm3-nope', [[0, 1, 2], [0, 2], [2], [1]]],
    // Windows from the second on.
    ['qwen2-sliding', [[0, 1, 2], [0, 2], [1, 2], [0]]],
    ['gpt2-hub-names', [[0, 1], [1]]],
  ])('%s', async (name, choices) => {
    const teacher = await openFamily(name)
    for (const blocks of choices) await expectBlocksOf(teacher, createModel(studentOf(teacher, blocks)), blocks)
    await teacher.close()
  })

  test('all of its blocks are the model', async () => {
    const teacher = await openFamily('gemma3-linear-global')
    const ids = someIds(1, 12)
    const whole = createModel(studentOf(teacher, [0, 1, 2, 3]))
    expect((await logits(whole, backend, ids)).get('logits')).toEqual(
      (await logits(teacher, backend, ids)).get('logits'),
    )
    await teacher.close()
  })

  test('written to a folder it is opened like any other', async () => {
    const teacher = await openFamily('smollm3-nope')
    const { config, source } = studentOf(teacher, [0, 2])
    const folder = await mkdtemp(join(tmpdir(), 'student-'))
    try {
      const tensors = new Map<string, Tensor>()
      for (const name of source.names()) tensors.set(name, await source.read(name))
      await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors))
      await writeFile(join(folder, 'config.json'), JSON.stringify(config))
      const opened = await openModel(folder)
      await expectBlocksOf(teacher, opened, [0, 2])
      expect(opened.source.names().some(name => name.includes('layers.2.'))).toBe(false)
      await opened.close()
    } finally {
      await rm(folder, { recursive: true })
    }
    await teacher.close()
  })

  test('it learns', async () => {
    const teacher = await openTiny('teacher')
    const student = createModel(studentOf(teacher, [1]))
    const parameters = await parametersOf(student)
    const learner = createLearner(student, { backend, objective: crossEntropy, parameters })
    const { gradients } = await learner.gradients([everyToken(someIds(2, 6))])
    expect([...gradients.keys()].toSorted()).toEqual([...parameters.keys()].toSorted())
    expect([...gradients.keys()].some(name => name.includes('layers.1.'))).toBe(false)
    await learner.close()
    // Closing the student leaves the teacher open.
    await student.close()
    expect((await teacher.source.read('model.norm.weight')).shape).toEqual([32])
    await teacher.close()
  })

  test('blocks that there are not, or not in order', async () => {
    const teacher = await openTiny('teacher')
    for (const blocks of [[], [2], [-1], [0, 0], [1, 0], [0.5]])
      expect(() => studentOf(teacher, blocks), String(blocks)).toThrow('expected blocks in rising order from 0 … 1')
    await teacher.close()
  })

  test('a block that computes by its number is refused elsewhere', async () => {
    const opened = await openFamily('gpt2-hub-names')
    const config = { ...opened.configFile, scale_attn_by_inverse_layer_idx: true }
    const teacher = createModel({ config, source: opened.source, path: 'by number' })
    expect(() => studentOf(teacher, [1])).toThrow('block 1 of by number as block 0 would have attentionScale')
    expect(studentOf(teacher, [0]).config.n_layer).toBe(1)
    await opened.close()
  })
})

describe('which blocks are kept', () => {
  test('by place', () => {
    expect(keptBlocks(12, 4, 'first')).toEqual([0, 1, 2, 3])
    expect(keptBlocks(12, 4, 'last')).toEqual([8, 9, 10, 11])
    expect(keptBlocks(12, 5, 'both-ends')).toEqual([0, 1, 2, 10, 11])
    expect(keptBlocks(12, 4, 'even')).toEqual([0, 4, 7, 11])
    for (const strategy of ['first', 'last', 'both-ends', 'even'] as const)
      for (let total = 1; total <= 9; total++)
        for (let count = 1; count <= total; count++) {
          const kept = keptBlocks(total, count, strategy)
          expect(new Set(kept).size).toBe(count)
          expect(kept).toEqual(kept.toSorted((a, b) => a - b))
          expect(kept.at(-1)).toBeLessThan(total)
        }
    expect(() => keptBlocks(4, 5, 'first')).toThrow('5 of 4 blocks cannot be kept')
  })

  test('by what they do', async () => {
    expect(mostInfluential([0.5, 0.1, 0.4, 0.1], 3)).toEqual([0, 1, 2])
    expect(mostInfluential([0.1, 0.3, 0.2], 2)).toEqual([1, 2])
    const teacher = await openTiny('teacher')
    const batches = [someIds(2, 6), someIds(1, 9)]
    const influence = await blockInfluence(teacher, backend, batches)
    expect(influence.length).toBe(2)
    for (const value of influence) expect(value > 0 && value < 2).toBe(true)
    // A block that adds nothing leaves everything as it is.
    const silent = {
      ...teacher.source,
      read: async (name: string) => {
        const tensor = await teacher.source.read(name)
        return /layers\.1\..*(o_proj|down_proj)/.test(name) ? zeros('f32', tensor.shape) : tensor
      },
    }
    const [first, second] = await blockInfluence(teacher.over(silent), backend, batches)
    expect(first).toBeCloseTo(influence[0]!, 6)
    expect(second).toBeCloseTo(0, 6)
    await teacher.close()
  })
})
