import {
  type Argument,
  add,
  constant,
  type Graph,
  grad,
  gradientName,
  graph,
  input,
  mul,
  type Node,
  type Resident,
  type Tensor,
  type TensorF32,
} from '@sinter/tensor-core'
import type { AttentionPart } from '../families/tracer.ts'
import type { Programs } from '../programs.ts'
import { releaseAll } from '../residents.ts'
import { addGradient, type GradientMap } from './gradients.ts'
import type { TargetRows } from './target-rows.ts'

/** Where in a model a feature is looked at: hidden states after so many blocks (0: what enters the first), or in one block. */
export interface Tap {
  readonly at: 'hidden' | 'attention'
  /** Blocks that hidden states have passed, 0 … blocks; or the block whose attention it is, 0 … blocks − 1. */
  readonly index: number
}

/** `hidden` `['batch', 'tokens', width]`, or `q`, `k` and `v` as they enter attention, `['batch', 'tokens', heads · headDim]`. */
export type FeatureNodes = Readonly<Partial<Record<'hidden' | AttentionPart, Node>>>

export interface FeatureInputs {
  readonly student: FeatureNodes
  readonly teacher: FeatureNodes
  /** f32 `['batch', 'tokens']`, 0 where a position does not count; they add up to 1 over a step. */
  readonly weights: Node
  /** i32 `['batch', 'tokens']`, where rows hold several documents. */
  readonly documents?: Node | undefined
  /** Tensors that the term brings in, by the names it declares. */
  readonly parameters: Readonly<Record<string, Node>>
}

/** A part of the loss that compares what goes on inside of student and teacher; of several teachers, the first. */
export interface FeatureTerm {
  /** What it is called among the terms of a step: one of a kind. */
  readonly name: string
  /** Its share of the loss. */
  readonly weight: number
  readonly student: Tap
  readonly teacher: Tap
  /** Shapes of tensors that it brings in. Their values are among the learner's parameters, or its constants. */
  readonly parameters?: Readonly<Record<string, readonly number[]>>
  /** A scalar. */
  loss(inputs: FeatureInputs): Node
}

export interface FeaturePassOptions {
  readonly programs: Programs
  readonly terms: readonly FeatureTerm[]
  /** Values of what the terms bring in. */
  readonly extras: ReadonlyMap<string, TensorF32>
  readonly trains: (name: string) => boolean
  /** Rows hold several documents. */
  readonly documents: boolean
}

/** Tensors of a model that are looked at, by tap and part. */
export type Tapped = Map<string, Readonly<Record<string, Resident>>>

export const tapKey = ({ at, index }: Tap): string => `${at} ${index}`

export interface FeaturePass {
  /**
   * Values of all terms, and with `gradients` what each of the student's tensors gets of their weighted sum, by tap and part.
   * Gradients of what the terms bring in are added to `gradients`.
   */
  run(
    student: Tapped,
    teacher: Tapped,
    batch: { readonly targets: TargetRows; readonly documents?: Tensor | undefined },
    gradients?: GradientMap,
  ): Promise<{ readonly terms: Record<string, number>; readonly given: Tapped }>
}

type Sides = Readonly<Record<'student' | 'teacher', Readonly<Record<string, Resident>>>>

const sideName = (side: keyof Sides, part: string) => `${side}.${part}`
const parameterName = (name: string) => `parameter.${name}`

export function createFeaturePass({ programs, terms, extras, trains, documents }: FeaturePassOptions): FeaturePass {
  const traced = new Map<FeatureTerm, Graph>()

  async function one(term: FeatureTerm, sides: Sides, shared: Record<string, Argument>, gradients?: GradientMap) {
    const g = traced.get(term) ?? traceTerm(term, sides, documents)
    traced.set(term, g)
    const parts = Object.keys(sides.student).filter(part => gradients && g.inputs.has(sideName('student', part)))
    const brought = Object.keys(term.parameters ?? {})
    const trained = brought.filter(name => gradients && trains(name) && g.inputs.has(parameterName(name)))
    const keep = parts.map(part => gradientName(sideName('student', part)))
    const wrt = [...parts.map(part => sideName('student', part)), ...trained.map(parameterName)]
    const key = `feature ${term.name} ${wrt.join()}`
    const program = await programs.get(key, () => (gradients ? grad(g, { of: 'share', wrt }) : g))
    const inputs: Record<string, Argument> = { ...shared }
    for (const side of ['student', 'teacher'] as const)
      for (const [part, resident] of Object.entries(sides[side])) inputs[sideName(side, part)] = resident
    for (const name of brought) inputs[parameterName(name)] = tensorOf(term, name)
    const results = await program.run(inputs, { keep })
    for (const name of trained)
      addGradient(gradients!, name, (results[gradientName(parameterName(name))] as TensorF32).data)
    return {
      value: (results.value as TensorF32).data[0]!,
      slopes: Object.fromEntries(parts.map((part, i) => [part, results[keep[i]!] as Resident])),
    }
  }

  function tensorOf({ name: term, parameters }: FeatureTerm, name: string): TensorF32 {
    const value = extras.get(name)
    if (!value)
      throw new TypeError(`training: nobody gave a value to ${name} [${parameters![name]!.join(', ')}] of ${term}`)
    return value
  }

  return {
    async run(student, teacher, { targets, documents: own }, gradients) {
      const sums: Record<string, number> = { loss: 0 }
      const given: Tapped = new Map()
      const shared = { weights: targets.dense, ...(own && { documents: own }) }
      for (const term of terms) {
        const key = tapKey(term.student)
        const sides = { student: student.get(key)!, teacher: teacher.get(tapKey(term.teacher))! }
        const { value, slopes } = await one(term, sides, shared, gradients)
        sums[term.name] = value
        sums.loss! += term.weight * value
        given.set(key, await addParts(programs, given.get(key) ?? {}, slopes))
      }
      return { terms: sums, given }
    },
  }
}

function traceTerm(term: FeatureTerm, sides: Sides, documents: boolean): Graph {
  const nodes = (side: keyof Sides): FeatureNodes =>
    Object.fromEntries(
      Object.entries(sides[side]).map(([part, { shape }]) => [
        part,
        input(sideName(side, part), 'f32', ['batch', 'tokens', shape[2]!]),
      ]),
    )
  const parameters = Object.entries(term.parameters ?? {}).map(
    ([name, shape]) => [name, input(parameterName(name), 'f32', shape)] as const,
  )
  const value = term.loss({
    student: nodes('student'),
    teacher: nodes('teacher'),
    weights: input('weights', 'f32', ['batch', 'tokens']),
    documents: documents ? input('documents', 'i32', ['batch', 'tokens']) : undefined,
    parameters: Object.fromEntries(parameters),
  })
  return graph({ value, share: mul(value, constant(term.weight)) })
}

/** Sums of what several terms give to one tap; the operands are released. */
async function addParts(
  programs: Programs,
  before: Readonly<Record<string, Resident>>,
  more: Readonly<Record<string, Resident>>,
): Promise<Readonly<Record<string, Resident>>> {
  const sums: Record<string, Resident> = { ...before }
  for (const [part, value] of Object.entries(more)) sums[part] = await plus(programs, sums[part], value)
  return sums
}

/** The sum of two tensors `[batch, tokens, width]`, which are released. */
export async function plus(programs: Programs, a: Resident | undefined, b: Resident): Promise<Resident> {
  if (!a) return b
  const of = (name: string) => input(name, 'f32', ['batch', 'tokens', 'width'])
  const program = await programs.get('plus', () => graph({ sum: add(of('a'), of('b')) }))
  const { sum } = await program.run({ a, b }, { keep: ['sum'] })
  releaseAll({ a, b })
  return sum as Resident
}
