import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SinterError } from '@sinter/model'
import { afterAll, expect } from 'vitest'
import {
  checkTrainRecipe,
  type TrainOptions,
  type TrainRecipeInput,
  type TrainResult,
  trainModel,
} from '../src/index.ts'
import type { TrainRunEvent } from '../src/train/events.ts'

export const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
export const demoPath: string = here('../../../apps/cli/assets/demo-model')

export const folder: string = await mkdtemp(join(tmpdir(), 'sinter-train-'))
export const at = (name: string): string => join(folder, name)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Sums that the demo model half knows: a few steps lower their loss. */
export const sums: string = at('sums.txt')
await writeFile(
  sums,
  Array.from({ length: 60 }, (_, i) => `Question: What is ${i % 9} + ${i % 7}?\nAnswer: ${(i % 9) + (i % 7)}`).join(
    '\n\n',
  ),
)

/** Twelve small steps of LoRA on the demo model; `over` replaces fields. */
export const recipeOf = (over: Partial<TrainRecipeInput> = {}): ReturnType<typeof checkTrainRecipe> =>
  checkTrainRecipe({
    version: 1,
    model: demoPath,
    method: { name: 'lora', rank: 4 },
    steps: 12,
    batch: 2,
    learningRate: 1e-3,
    saveEvery: 3,
    evaluateEvery: 4,
    ...over,
    data: { path: sums, separator: '', length: 48, heldOut: 0.1, ...over.data },
  })

export type Seen = { readonly result: TrainResult; readonly events: readonly TrainRunEvent[] }

/** Runs to the end, or to the error. @param look sees every event as it comes */
export async function runTraining(
  over: Partial<TrainRecipeInput>,
  options: Partial<TrainOptions> & { readonly out: string },
  look: (event: TrainRunEvent) => unknown = () => {},
): Promise<Seen> {
  const events: TrainRunEvent[] = []
  for await (const event of trainModel(recipeOf(over), { threads: 1, ...options })) {
    events.push(event)
    await look(event)
  }
  const last = events.at(-1)
  if (last?.type !== 'done') throw new Error('a training ended without a result')
  return { result: last.result, events }
}

export async function refusal(work: Promise<unknown>): Promise<SinterError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(error).toBeInstanceOf(SinterError)
  return error as SinterError
}

/** Names and bytes of a folder's files. */
export async function bytesOf(path: string): Promise<Record<string, string>> {
  const files = (await readdir(path)).sort()
  return Object.fromEntries(
    await Promise.all(files.map(async name => [name, (await readFile(join(path, name))).toString('base64')] as const)),
  )
}
