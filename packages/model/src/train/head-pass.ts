import {
  type Argument,
  addTo,
  type Graph,
  grad,
  gradientName,
  graph,
  input,
  linear,
  type Node,
  type Resident,
  slice,
  type TensorF32,
} from '@sinter/tensor-core'
import type { Model } from '../model.ts'
import type { Programs } from '../programs.ts'
import { type HeadSums, type HeadTensors, teacherName, trainedHead, HEAD_WEIGHT as WEIGHT } from './head-tensors.ts'
import type { Objective } from './objective.ts'
import { pickRows, placeRows, type TargetRows } from './target-rows.ts'

/** Bytes of logits that one slice of rows may take: several arrays of this size are alive at a time. */
const SLICE_BYTES = 25e6
const MOST_ROWS = 512

export interface HeadPassOptions {
  readonly model: Model
  readonly programs: Programs
  readonly objective: Objective
  readonly trains: (name: string) => boolean
  /** Give logits to learn from. */
  readonly teachers: readonly Model[]
  /** Logits of teachers, and the student's beside them, are those of so many first tokens. */
  readonly sharedVocabulary: number
  readonly tensors: HeadTensors
}

export interface HeadResult {
  /** Sums of the objective's terms. */
  readonly terms: Record<string, number>
  /** Gradient of the hidden states, f32 `[batch, tokens, hidden]`; absent when only the terms were asked for. */
  readonly given?: TensorF32
}

const TERM = 'term.'
const sumName = (name: string) => `sum.${name}`

/**
 * From the last block's output to the loss and back, in slices of rows: logits of a whole batch are never held.
 * @param hidden f32 `[batch, tokens, hidden]`
 * @param taught each teacher's, when the objective wants them
 */
export async function headPass(
  options: HeadPassOptions,
  hidden: TensorF32,
  targets: TargetRows,
  { taught = [], sums }: { taught?: readonly TensorF32[] | undefined; sums?: HeadSums | undefined },
): Promise<HeadResult> {
  const { model, programs, objective, trains, tensors } = options
  const trained = sums ? trainedHead(model, trains).map(([name]) => name) : []
  const key = `head ${objective.key} ${sums ? trained.join() : 'value'}`
  const program = await programs.get(key, () => headGraph(options, sums && ['x', ...trained]))
  const parameters = await tensors.all()
  const width = hidden.shape.at(-1)!
  const given = sums && new Float32Array(hidden.data.length)
  const terms: Record<string, number> = {}
  const step = Math.max(1, Math.min(MOST_ROWS, Math.floor(SLICE_BYTES / (4 * model.config.vocabSize))))
  for (let start = 0; start < targets.at.length; start += step) {
    const at = targets.at.subarray(start, start + step)
    const inputs: Record<string, Argument> = {
      ...parameters,
      x: pickRows(hidden, at),
      ...rowInputs(objective, targets, start, at, taught),
    }
    for (const name of trained) inputs[sumName(name)] = await sums!.of(name, parameters[name]!.shape)
    const results = await program.run(inputs, { keep: trained.map(gradientName) })
    for (const [name, value] of Object.entries(results))
      if (name.startsWith(TERM)) {
        const term = name.slice(TERM.length)
        terms[term] = (terms[term] ?? 0) + (value as TensorF32).data[0]!
      }
    if (!given) continue
    placeRows(given, (results[gradientName('x')] as TensorF32).data, at, width)
    for (const name of trained) sums!.replace(name, results[gradientName(name)] as Resident)
  }
  return { terms, ...(given && { given: { dtype: 'f32', shape: hidden.shape, data: given } }) }
}

/** What a slice of rows brings beside the student's hidden states. */
function rowInputs(
  objective: Objective,
  { labels, weights, top }: TargetRows,
  start: number,
  at: Int32Array,
  taught: readonly TensorF32[],
): Record<string, Argument> {
  const end = start + at.length
  const inputs: Record<string, Argument> = {
    labels: { dtype: 'i32', shape: [1, at.length], data: labels.slice(start, end) },
    weights: { dtype: 'f32', shape: [1, at.length], data: weights.slice(start, end) },
  }
  for (const [i, states] of taught.entries()) inputs[teacherName(i, 'x')] = pickRows(states, at)
  if (objective.topK === undefined) return inputs
  if (top?.ids.shape[2] !== objective.topK)
    throw new TypeError(
      `training: the loss looks at the ${objective.topK} most probable tokens of a teacher, and this batch brings ${top ? top.ids.shape[2] : 'none'}; ask the teacher for ${objective.topK}`,
    )
  return { ...inputs, topIds: pickRows(top.ids, at), topLogProbs: pickRows(top.logProbs, at) }
}

function headGraph(options: HeadPassOptions, wrt: readonly string[] | undefined): Graph {
  const { model, objective, teachers, sharedVocabulary: shared } = options
  const row = (name: string) => input(name, 'f32', ['batch', 'tokens'])
  const top = (name: string, dtype: 'i32' | 'f32') => input(name, dtype, ['batch', 'tokens', objective.topK!])
  const { vocabSize } = model.config
  const logits = logitsOf(model, vocabSize)
  const taught = objective.wantsTeacher ? teachers.map((teacher, i) => renamed(i, logitsOf(teacher, shared))) : []
  const { loss, ...others } = objective.terms({
    logits,
    sharedLogits: shared === vocabSize ? logits : slice(logits, -1, 0, shared),
    labels: input('labels', 'i32', ['batch', 'tokens']),
    weights: row('weights'),
    ...(taught[0] && { teacher: taught[0], teachers: taught }),
    ...(objective.topK !== undefined && {
      top: { ids: top('topIds', 'i32'), logProbs: top('topLogProbs', 'f32') },
    }),
  })
  const shown = Object.entries({ loss, ...others }).map(([name, node]) => [TERM + name, node] as const)
  const g = graph(Object.fromEntries(shown))
  if (!wrt) return g
  const withGradients = Object.fromEntries(grad(g, { of: `${TERM}loss`, wrt }).outputs)
  for (const name of wrt) {
    if (name === 'x') continue
    const part = withGradients[gradientName(name)]!
    withGradients[gradientName(name)] = addTo(input(sumName(name), 'f32', part.shape), part)
  }
  return graph(withGradients)
}

/** Logits of the first `rows` tokens. */
function logitsOf(model: Model, rows: number): Node {
  const headInput = model.headInputGraph().outputs.get('head_input')!
  return model.finishLogits(linear(headInput, input(WEIGHT, 'f32', [rows, model.config.embeddingSize])))
}

/** The same computation on inputs of a teacher's names. */
function renamed(teacher: number, root: Node): Node {
  const made = new Map<Node, Node>()
  const rebuild = (node: Node): Node => {
    const known = made.get(node)
    if (known) return known
    const fresh =
      node.op === 'input'
        ? input(teacherName(teacher, node.attributes.name as string), node.dtype, node.shape)
        : { ...node, inputs: node.inputs.map(rebuild) }
    made.set(node, fresh)
    return fresh
  }
  return rebuild(root)
}
