import type { Backend, Resident, TensorF32 } from '@sinter/tensor-core'
import type { Model } from '../model.ts'
import { uploadAll } from '../residents.ts'
import { addGradient, type GradientMap } from './gradients.ts'

/** The output embedding in the graph of the head. */
export const HEAD_WEIGHT = 'head.weight'
export const teacherName = (teacher: number, name: string): string => `teacher${teacher}.${name}`

/** Names of the head's trained tensors in its graph, and in the checkpoint. */
export const trainedHead = (model: Model, trains: (name: string) => boolean): (readonly [string, string])[] =>
  [...model.outside.headInput, [HEAD_WEIGHT, model.outside.head] as const].filter(([, stored]) => trains(stored))

/** Gradients of the head's tensors over a step. They stay with the backend: one is as large as the embedding. */
export interface HeadSums {
  of(name: string, shape: readonly number[]): Promise<Resident>
  replace(name: string, sum: Resident): void
  /** Adds them to the step's gradients and gives them up. */
  moveTo(gradients: GradientMap): Promise<void>
  release(): void
}

export function createHeadSums(model: Model, backend: Backend, trains: (name: string) => boolean): HeadSums {
  const stored = new Map(trainedHead(model, trains))
  const sums = new Map<string, Resident>()
  return {
    async of(name, shape) {
      const data = new Float32Array(sums.has(name) ? 0 : shape.reduce((n, d) => n * d, 1))
      const sum = sums.get(name) ?? (await backend.upload({ dtype: 'f32', shape, data }, { move: true }))
      sums.set(name, sum)
      return sum
    },
    replace(name, sum) {
      sums.get(name)!.release()
      sums.set(name, sum)
    },
    async moveTo(gradients) {
      for (const [name, sum] of sums) addGradient(gradients, stored.get(name)!, ((await sum.take()) as TensorF32).data)
      sums.clear()
    },
    release() {
      for (const sum of sums.values()) sum.release()
      sums.clear()
    },
  }
}

/** What the head computes with, with the backend. */
export interface HeadTensors {
  all(): Promise<Readonly<Record<string, Resident>>>
  /** Trained tensors are read again in the next step. */
  endStep(): void
  release(): void
}

export interface HeadTensorsOptions {
  readonly model: Model
  readonly backend: Backend
  /** Whose logits are learnt from, and of how many first tokens. */
  readonly teachers: readonly Model[]
  readonly sharedVocabulary: number
  readonly trains: (name: string) => boolean
  readonly keepFrozen: boolean
  /** Teachers change between steps. */
  readonly teachersMove: boolean
}

export function createHeadTensors(options: HeadTensorsOptions): HeadTensors {
  const { model, backend, teachers, sharedVocabulary, trains, keepFrozen } = options
  const held: Record<string, Resident> = {}
  const own = new Map([...model.outside.headInput, [HEAD_WEIGHT, model.outside.head] as const])
  const isKept = (name: string) => keepFrozen && (own.has(name) ? !trains(own.get(name)!) : !options.teachersMove)
  const release = (kept: (name: string) => boolean) => {
    for (const name of Object.keys(held).filter(key => !kept(key))) {
      held[name]!.release()
      delete held[name]
    }
  }
  return {
    async all() {
      await hold(model, model.config.vocabSize, backend, held, name => name)
      for (const [i, teacher] of teachers.entries())
        await hold(teacher, sharedVocabulary, backend, held, name => teacherName(i, name))
      return held
    },
    endStep: () => release(isKept),
    release: () => release(() => false),
  }
}

/** Reads what is not held. */
async function hold(
  model: Model,
  rows: number,
  backend: Backend,
  held: Record<string, Resident>,
  nameOf: (name: string) => string,
): Promise<void> {
  const missing = new Map<string, TensorF32>()
  const wants = (name: string) => !held[nameOf(name)]
  if ([...model.outside.headInput.keys()].some(wants))
    for (const [name, tensor] of await model.readHeadInput()) if (wants(name)) missing.set(name, tensor)
  if (wants(HEAD_WEIGHT)) missing.set(HEAD_WEIGHT, (await model.readHeadRows(0, rows)).weight)
  for (const [name, resident] of Object.entries(await uploadAll(backend, missing))) held[nameOf(name)] = resident
}
