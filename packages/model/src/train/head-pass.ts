import {
  type Argument,
  type Backend,
  type Graph,
  grad,
  gradientName,
  graph,
  input,
  linear,
  type Node,
  type Resident,
  type TensorF32,
} from '@sinter/tensor-core'
import type { Model } from '../model.ts'
import type { Programs } from '../programs.ts'
import { releaseAll, uploadAll } from '../residents.ts'
import { addGradient, type GradientMap } from './gradients.ts'
import type { Objective } from './objective.ts'

/** Bytes of logits that one slice of rows may take: several arrays of this size are alive at a time. */
const SLICE_BYTES = 2 ** 25
const MOST_ROWS = 512

/** The rows of one batch that have a target. */
export interface TargetRows {
  /** Positions in the flattened `[batch, tokens]`. */
  readonly at: Int32Array
  readonly labels: Int32Array
  /** Add up to 1 over a step. */
  readonly weights: Float32Array
}

export interface HeadPassOptions {
  readonly model: Model
  readonly backend: Backend
  readonly programs: Programs
  readonly objective: Objective
  readonly trains: (name: string) => boolean
  /** Gives logits to learn from. */
  readonly teacher?: Model | undefined
}

export interface HeadResult {
  /** Sums of the objective's terms. */
  readonly terms: Record<string, number>
  /** Gradient of the hidden states, f32 `[batch, tokens, hidden]`; absent when only the terms were asked for. */
  readonly given?: TensorF32
}

const WEIGHT = 'head.weight'
const TERM = 'term.'
const teacherName = (name: string) => `teacher.${name}`

/**
 * From the last block's output to the loss and back, in slices of rows: logits of a whole batch are never held.
 * @param hidden f32 `[batch, tokens, hidden]`
 * @param teacherHidden the teacher's, when the objective wants it
 */
export async function headPass(
  { model, backend, programs, objective, trains, teacher }: HeadPassOptions,
  hidden: TensorF32,
  targets: TargetRows,
  { teacherHidden, gradients }: { teacherHidden?: TensorF32 | undefined; gradients?: GradientMap | undefined },
): Promise<HeadResult> {
  const names = new Map([...model.outside.headInput, [WEIGHT, model.outside.head]])
  const trained = gradients ? [...names].filter(([, stored]) => trains(stored)).map(([name]) => name) : []
  const key = `head ${objective.key} ${gradients ? trained.join() : 'value'}`
  const program = await programs.get(key, () => headGraph(model, objective, teacher, gradients && ['x', ...trained]))
  const parameters = await uploadHead(model, backend, objective.wantsTeacher ? teacher : undefined)
  const width = hidden.shape.at(-1)!
  const given = gradients && new Float32Array(hidden.data.length)
  const terms: Record<string, number> = {}
  const step = Math.max(1, Math.min(MOST_ROWS, Math.floor(SLICE_BYTES / (4 * model.config.vocabSize))))
  try {
    for (let start = 0; start < targets.at.length; start += step) {
      const end = Math.min(start + step, targets.at.length)
      const at = targets.at.subarray(start, end)
      const inputs: Record<string, Argument> = {
        ...parameters,
        x: pick(hidden, at),
        labels: { dtype: 'i32', shape: [1, end - start], data: targets.labels.slice(start, end) },
        weights: { dtype: 'f32', shape: [1, end - start], data: targets.weights.slice(start, end) },
        ...(objective.wantsTeacher && { [teacherName('x')]: pick(teacherHidden!, at) }),
      }
      const results = await program.run(inputs)
      for (const [name, value] of Object.entries(results))
        if (name.startsWith(TERM)) {
          const term = name.slice(TERM.length)
          terms[term] = (terms[term] ?? 0) + (value as TensorF32).data[0]!
        }
      if (!given) continue
      place(given, (results[gradientName('x')] as TensorF32).data, at, width)
      for (const name of trained)
        addGradient(gradients!, names.get(name)!, (results[gradientName(name)] as TensorF32).data)
    }
    return { terms, ...(given && { given: { dtype: 'f32', shape: hidden.shape, data: given } }) }
  } finally {
    releaseAll(parameters)
  }
}

async function uploadHead(
  model: Model,
  backend: Backend,
  teacher: Model | undefined,
): Promise<Record<string, Resident>> {
  const own = await model.readHeadInput()
  own.set(WEIGHT, (await model.readHeadRows(0, model.config.vocabSize)).weight)
  if (teacher) {
    for (const [name, tensor] of await teacher.readHeadInput()) own.set(teacherName(name), tensor)
    own.set(teacherName(WEIGHT), (await teacher.readHeadRows(0, teacher.config.vocabSize)).weight)
  }
  return uploadAll(backend, own)
}

function headGraph(
  model: Model,
  objective: Objective,
  teacher: Model | undefined,
  wrt: readonly string[] | undefined,
): Graph {
  const labels = input('labels', 'i32', ['batch', 'tokens'])
  const weights = input('weights', 'f32', ['batch', 'tokens'])
  const { loss, ...others } = objective.terms({
    logits: logitsOf(model),
    labels,
    weights,
    ...(objective.wantsTeacher && teacher && { teacher: renamed(logitsOf(teacher)) }),
  })
  const shown = Object.entries({ loss, ...others }).map(([name, node]) => [TERM + name, node] as const)
  const g = graph(Object.fromEntries(shown))
  return wrt ? grad(g, { of: `${TERM}loss`, wrt }) : g
}

function logitsOf(model: Model): Node {
  const headInput = model.headInputGraph().outputs.get('head_input')!
  const { vocabSize, embeddingSize } = model.config
  return model.finishLogits(linear(headInput, input(WEIGHT, 'f32', [vocabSize, embeddingSize])))
}

/** The same computation on inputs of the teacher's names. */
function renamed(root: Node): Node {
  const made = new Map<Node, Node>()
  const rebuild = (node: Node): Node => {
    const known = made.get(node)
    if (known) return known
    const fresh =
      node.op === 'input'
        ? input(teacherName(node.attributes.name as string), node.dtype, node.shape)
        : { ...node, inputs: node.inputs.map(rebuild) }
    made.set(node, fresh)
    return fresh
  }
  return rebuild(root)
}

function pick({ shape, data }: TensorF32, at: Int32Array): TensorF32 {
  const width = shape.at(-1)!
  const out = new Float32Array(at.length * width)
  for (const [i, row] of at.entries()) out.set(data.subarray(row * width, (row + 1) * width), i * width)
  return { dtype: 'f32', shape: [1, at.length, width], data: out }
}

function place(out: Float32Array, rows: Float32Array, at: Int32Array, width: number): void {
  for (const [i, row] of at.entries()) out.set(rows.subarray(i * width, (i + 1) * width), row * width)
}
