import type { Backend, Resident, TensorF32 } from '@sinter/tensor-core'
import type { Model } from '../model.ts'
import { uploadAll } from '../residents.ts'
import { addGradient, type GradientMap } from './gradients.ts'

/** The output embedding in the graph of the head. */
export const HEAD_WEIGHT = 'head.weight'
export const teacherName = (name: string): string => `teacher.${name}`

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
  readonly teacher?: Model | undefined
  readonly trains: (name: string) => boolean
  readonly keepFrozen: boolean
}

export function createHeadTensors({ model, backend, teacher, trains, keepFrozen }: HeadTensorsOptions): HeadTensors {
  const held: Record<string, Resident> = {}
  const own = new Map([...model.outside.headInput, [HEAD_WEIGHT, model.outside.head] as const])
  const isKept = (name: string) => keepFrozen && !(own.has(name) && trains(own.get(name)!))
  const release = (kept: (name: string) => boolean) => {
    for (const name of Object.keys(held).filter(key => !kept(key))) {
      held[name]!.release()
      delete held[name]
    }
  }
  return {
    async all() {
      // Some may be trained and some not: what the step before gave up is read again.
      if ([...own.keys()].some(name => !held[name])) await readHead(model, backend, held, name => name)
      if (teacher && !held[teacherName(HEAD_WEIGHT)]) await readHead(teacher, backend, held, teacherName)
      return held
    },
    endStep: () => release(isKept),
    release: () => release(() => false),
  }
}

async function readHead(
  model: Model,
  backend: Backend,
  held: Record<string, Resident>,
  nameOf: (name: string) => string,
): Promise<void> {
  const tensors: Map<string, TensorF32> = await model.readHeadInput()
  if (!held[nameOf(HEAD_WEIGHT)]) tensors.set(HEAD_WEIGHT, (await model.readHeadRows(0, model.config.vocabSize)).weight)
  const fresh = new Map([...tensors].filter(([name]) => !held[nameOf(name)]))
  for (const [name, resident] of Object.entries(await uploadAll(backend, fresh))) held[nameOf(name)] = resident
}
