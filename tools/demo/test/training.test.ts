import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openModel } from '@sinter/model'
import { type Backend, ortNodeBackend } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoModel, tokenizerIn } from '../src/demo-folder.ts'
import { initialWeights } from '../src/initial-weights.ts'
import { type RunOptions, statePath, trainRun } from '../src/train-run.ts'
import { TRAINING_SHARES } from '../src/training-rows.ts'
import { writeModel } from '../src/write-model.ts'

const scratch = mkdtempSync(join(tmpdir(), 'sinter-demo-'))
const tokenizer = tokenizerIn(demoModel)
let backend: Backend

beforeAll(() => {
  backend = ortNodeBackend({ threads: 1 })
})
afterAll(async () => {
  await backend.close()
  rmSync(scratch, { recursive: true })
})

const tiny: RunOptions = {
  shape: { vocabulary: 1024, hidden: 16, intermediate: 24, blocks: 2, heads: 2, keyValueHeads: 1, headSize: 8 },
  seed: 'tiny',
  shares: TRAINING_SHARES,
  steps: 8,
  cooldown: 3,
  rows: 2,
  length: 48,
  learningRate: 0.02,
  warmup: 2,
  weightDecay: 0.1,
  beta2: 0.95,
}

/** Trains, at most to the end of a step. @returns the loss of each step done */
async function go(name: string, options: RunOptions = tiny, until: number = options.steps): Promise<number[]> {
  const losses: number[] = []
  for await (const event of trainRun(options, { backend, tokenizer, folder: join(scratch, name), saveEvery: 2 })) {
    if (event.type !== 'step') continue
    losses.push(event.terms.loss!)
    if (event.step === until) break
  }
  return losses
}

const state = (name: string): Buffer => readFileSync(statePath(join(scratch, name)))

describe('a run', () => {
  test('that is stopped between two states goes on to the same bytes', async () => {
    const whole = await go('whole')
    const first = await go('stopped', tiny, 5)
    const rest = await go('stopped')
    // Step 5 was done twice: the last state before it was that of step 4.
    expect([...first.slice(0, 4), ...rest]).toEqual(whole)
    expect(state('stopped').equals(state('whole'))).toBe(true)
    expect(await go('stopped')).toEqual([])
  })

  test('learns: the loss falls from that of a guess among all tokens', async () => {
    const losses = await go('longer', { ...tiny, steps: 40 })
    expect(Math.abs(losses[0]! - Math.log(1024))).toBeLessThan(0.05)
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 1)
  })

  test('with a teacher has its divergence in the loss', async () => {
    const { shape, ...rest } = tiny
    await writeModel(join(scratch, 'teacher'), shape, initialWeights(shape, 'teacher'), demoModel)
    const teacher = await openModel(join(scratch, 'teacher'))
    const place = { backend, tokenizer, folder: join(scratch, 'taught'), saveEvery: 100, teacher }
    const terms: Readonly<Record<string, number>>[] = []
    for await (const event of trainRun({ ...rest, shape, alpha: 0.75, steps: 2 }, place))
      if (event.type === 'step') terms.push(event.terms)
    await teacher.close()
    const [{ loss, crossEntropy, divergence }] = terms as [Record<string, number>]
    expect(loss).toBeCloseTo(0.25 * crossEntropy! + 0.75 * divergence!, 4)
  })

  test('may be made longer until it cools down, and then not', async () => {
    const longer = { ...tiny, steps: 12, cooldown: 4 }
    await go('planned longer', longer)
    await go('made longer', tiny, 5)
    cpSync(join(scratch, 'made longer'), join(scratch, 'too late'), { recursive: true })
    await go('made longer', longer)
    expect(state('made longer').equals(state('planned longer'))).toBe(true)
    await go('too late', tiny, 6)
    await expect(go('too late', longer)).rejects.toThrow(/step 6 is done of a run that cools down from step 5 on/)
  })

  test('does not go on from the state of another', async () => {
    await go('one', tiny, 2)
    await expect(go('one', { ...tiny, seed: 'other' })).rejects.toThrow(/expected the state of the run/)
  })
})

test('a written model is opened with what was trained, in bf16', async () => {
  const run = trainRun(tiny, { backend, tokenizer, folder: join(scratch, 'written'), saveEvery: 100 })
  let next = await run.next()
  while (!next.done) next = await run.next()
  const { parameters } = next.value
  const folder = join(scratch, 'model')
  await writeModel(folder, tiny.shape, parameters, demoModel)
  const model = await openModel(folder)
  try {
    expect(model.source.names().toSorted()).toEqual([...parameters.keys()].toSorted())
    expect(model.tokenizer?.bosId).toBe(1)
    expect(model.tokenizer?.eosIds).toEqual([2])
    const block = await model.readBlock(1)
    const trained = parameters.get('model.layers.1.mlp.up_proj.weight')!
    for (const [i, value] of block.get('mlp.up_proj.weight')!.data.entries())
      expect(Math.abs(value - trained.data[i]!)).toBeLessThanOrEqual(2 ** -8 * Math.abs(trained.data[i]!))
  } finally {
    await model.close()
  }
})
