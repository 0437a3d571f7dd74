import {
  add,
  type Backend,
  constant,
  equal,
  exp,
  freeBuffer,
  type Graph,
  gradientName,
  gradients as gradientsOf,
  graph,
  input,
  linear,
  mul,
  type Node,
  pullback,
  type Resident,
  reduceMax,
  reduceSum,
  reshape,
  sub,
  type TensorF32,
  takeAlong,
} from '@sinter/tensor-core'
import { structureKey } from '../block-graph.ts'
import { type HeadSlice, headSlices } from '../head.ts'
import type { Model } from '../model.ts'
import type { Programs } from '../programs.ts'
import { releaseAll, uploadAll } from '../residents.ts'
import { addGradient, type GradientMap } from './gradients.ts'
import type { HeadResult } from './head-pass.ts'
import type { SlicedLoss } from './objective.ts'
import { pickRows, placeRows, type TargetRows } from './target-rows.ts'

/** Bytes of one array of logits, rows × slice: several are alive at a time. */
const SLICE_BYTES = 2 ** 23
const LEAST_SLICE = 512

export interface VocabularyPassOptions {
  readonly model: Model
  readonly backend: Backend
  readonly programs: Programs
  readonly trains: (name: string) => boolean
  readonly teacher?: Model | undefined
  readonly loss: SlicedLoss
  readonly gradients: GradientMap
}

/**
 * The same as `headPass`, with gradients, for losses that are `sliced`: all rows of a batch against some thousand tokens at a
 * time, once for the normalisers, and once more for the gradients. A slice of the output embedding then gets its whole gradient
 * at once, where slices of rows would add to a gradient of the size of the embedding again and again, and neither embedding is
 * ever in memory as a whole; the price is that logits are computed twice.
 * @param hidden f32 `[batch, tokens, hidden]`
 * @param taught the teacher's
 */
export async function headByVocabulary(
  options: VocabularyPassOptions,
  hidden: TensorF32,
  targets: TargetRows,
  taught: TensorF32 | undefined,
): Promise<HeadResult> {
  const { model, loss, programs, trains, gradients } = options
  const teacher = loss.soft > 0 ? options.teacher : undefined
  const student = await enterHead(options, model, pickRows(hidden, targets.at) as TensorF32)
  const other = teacher && (await enterHead(options, teacher, pickRows(taught!, targets.at) as TensorF32))
  try {
    const own = await normalisers(options, model, student.h, targets)
    const theirs = teacher && (await normalisers(options, teacher, other!.h, targets))
    const crossEntropy = targets.weights.reduce((sum, w, i) => sum + w * (own.plain[i]! - own.label[i]!), 0)
    const { divergence, given } = await slopes(options, { student: student.h, teacher: other?.h, own, theirs }, targets)
    const back = await programs.get('head input back', () => headInputPullback(model, trains))
    const results = await back.run({ x: student.x, ...student.parameters, given })
    for (const [name, stored] of model.outside.headInput)
      if (trains(stored)) addGradient(gradients, stored, (results[gradientName(name)] as TensorF32).data)
    const data = new Float32Array(hidden.data.length)
    placeRows(data, (results[gradientName('x')] as TensorF32).data, targets.at, hidden.shape.at(-1)!)
    return { terms: loss.terms(crossEntropy, divergence), given: { dtype: 'f32', shape: hidden.shape, data } }
  } finally {
    for (const part of other ? [student, other] : [student]) {
      part.h.release()
      releaseAll(part.parameters)
    }
  }
}

/** Rows as the output embedding meets them. */
async function enterHead({ backend, programs }: VocabularyPassOptions, model: Model, x: TensorF32) {
  const parameters = await uploadAll(backend, await model.readHeadInput())
  const entrance = model.headInputGraph()
  const program = await programs.get(structureKey(entrance), () => entrance)
  const { head_input: h } = await program.run({ x, ...parameters }, { keep: ['head_input'] })
  return { x, parameters, h: h as Resident }
}

function headInputPullback(model: Model, trains: (name: string) => boolean): Graph {
  const trained = [...model.outside.headInput].filter(([, stored]) => trains(stored)).map(([name]) => name)
  return pullback(model.headInputGraph(), { given: { head_input: 'given' }, wrt: ['x', ...trained] })
}

/** Of each row of logits. */
interface Normalisers {
  /** ln Σ exp z, and ln Σ exp (z / τ). */
  readonly plain: Float64Array
  readonly tempered: Float64Array
  /** z at the label. */
  readonly label: Float64Array
}

const sliceOf = (rows: number): number => Math.max(LEAST_SLICE, Math.floor(SLICE_BYTES / (4 * rows)))

/** Slices of the output embedding, with the backend; each is released when the next is asked for. */
async function* slices({ backend }: VocabularyPassOptions, model: Model, rows: number): AsyncGenerator<HeadSlice> {
  yield* headSlices(model, backend, sliceOf(rows))
}

async function normalisers(
  options: VocabularyPassOptions,
  model: Model,
  h: Resident,
  { labels }: TargetRows,
): Promise<Normalisers> {
  const rows = labels.length
  const { programs } = options
  const { temperature } = options.loss
  const sumsOf = sumsGraph(model, temperature)
  const program = await programs.get(structureKey(sumsOf), () => sumsOf)
  const top = new Float64Array(rows).fill(-Infinity)
  const [plain, tempered, label] = [0, 1, 2].map(() => new Float64Array(rows)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  for await (const { start, count, weight } of slices(options, model, rows)) {
    const at = labels.map(id => Math.min(Math.max(id - start, 0), count - 1))
    const found = await program.run({ h, weight, at: { dtype: 'i32', shape: [rows, 1], data: at } })
    const of = (name: string) => (found[name] as TensorF32).data
    const [tops, sums, tempers, picked] = [of('top'), of('sum'), of('tempered'), of('picked')]
    for (let i = 0; i < rows; i++) {
      const highest = Math.max(top[i]!, tops[i]!)
      // Sums so far are relative to the highest logit so far.
      const [before, now] = [top[i]! - highest, tops[i]! - highest]
      plain[i] = plain[i]! * Math.exp(before) + sums[i]! * Math.exp(now)
      tempered[i] = tempered[i]! * Math.exp(before / temperature) + tempers[i]! * Math.exp(now / temperature)
      top[i] = highest
      if (labels[i]! >= start && labels[i]! < start + count) label[i] = picked[i]!
    }
  }
  for (let i = 0; i < rows; i++) {
    plain[i] = top[i]! + Math.log(plain[i]!)
    tempered[i] = top[i]! / temperature + Math.log(tempered[i]!)
  }
  return { plain, tempered, label }
}

interface Logits {
  readonly h: Node
  readonly weight: Node
  readonly z: Node
}

/** Logits `['rows', 'slice']` of rows `[1, 'rows', width]`. */
function logitsOf(model: Model, prefix = ''): Logits {
  const width = model.config.embeddingSize
  const h = input(`${prefix}h`, 'f32', [1, 'rows', width])
  const weight = input(`${prefix}weight`, 'f32', ['slice', width])
  return { h, weight, z: model.finishLogits(linear(reshape(h, ['rows', width]), weight)) }
}

const scaled = (x: Node, by: number): Node => (by === 1 ? x : mul(x, constant(by)))

function sumsGraph(model: Model, temperature: number): Graph {
  const { z } = logitsOf(model)
  const top = reduceMax(z, [-1])
  const shifted = sub(z, top)
  return graph({
    top,
    sum: reduceSum(exp(shifted), [-1]),
    tempered: reduceSum(exp(scaled(shifted, 1 / temperature)), [-1]),
    picked: takeAlong(z, input('at', 'i32', ['rows', 1])),
  })
}

interface Known {
  readonly student: Resident
  readonly teacher: Resident | undefined
  readonly own: Normalisers
  readonly theirs: Normalisers | undefined
}

const column = (values: ArrayLike<number>): TensorF32 => ({
  dtype: 'f32',
  shape: [values.length, 1],
  data: Float32Array.from(values),
})

/** Gradients of what enters the head, and, added to the step's, of the output embedding. */
async function slopes(
  options: VocabularyPassOptions,
  { student, teacher, own, theirs }: Known,
  { labels, weights }: TargetRows,
): Promise<{ readonly divergence: number; readonly given: TensorF32 }> {
  const { model, programs, loss, gradients } = options
  const { vocabSize, embeddingSize: width } = model.config
  const key = `logit slopes ${loss.hard} ${loss.soft} ${loss.temperature}`
  const program = await programs.get(key, () => slopesGraph(model, teacher && options.teacher, loss))
  const whole = gradients.get(model.outside.head) ?? new Float32Array(vocabSize * width)
  gradients.set(model.outside.head, whole)
  const given = new Float32Array(labels.length * width)
  let divergence = 0
  const teachersSlices = teacher && slices(options, options.teacher!, labels.length)
  for await (const { start, count, weight } of slices(options, model, labels.length)) {
    const results = await program.run({
      h: student,
      weight,
      plain: column(own.plain),
      tempered: column(own.tempered),
      weights: column(weights),
      label: column(labels),
      ids: { dtype: 'f32', shape: [count], data: Float32Array.from({ length: count }, (_, i) => start + i) },
      ...(teacher && {
        teacher_h: teacher,
        teacher_weight: (await teachersSlices!.next()).value!.weight,
        teacher_tempered: column(theirs!.tempered),
      }),
    })
    addTo(given, (results.h as TensorF32).data, 0)
    addTo(whole, (results.weight as TensorF32).data, start * width)
    if (teacher) divergence += (results.divergence as TensorF32).data[0]!
  }
  return { divergence, given: { dtype: 'f32', shape: [1, labels.length, width], data: given } }
}

function addTo(sum: Float32Array, part: Float32Array, at: number): void {
  for (let i = 0; i < part.length; i++) sum[at + i]! += part[i]!
  freeBuffer(part)
}

function slopesGraph(model: Model, teacher: Model | undefined, { hard, soft, temperature }: SlicedLoss): Graph {
  const { h, weight, z } = logitsOf(model)
  const perRow = (name: string) => input(name, 'f32', ['rows', 1])
  const weights = perRow('weights')
  const parts: Node[] = []
  const shown: Record<string, Node> = {}
  if (hard > 0) {
    const isLabel = equal(input('ids', 'f32', ['slice']), perRow('label'))
    parts.push(mul(sub(exp(sub(z, perRow('plain'))), isLabel), scaled(weights, hard)))
  }
  if (teacher) {
    const lnQ = sub(scaled(z, 1 / temperature), perRow('tempered'))
    const lnP = sub(scaled(logitsOf(teacher, 'teacher_').z, 1 / temperature), perRow('teacher_tempered'))
    const p = exp(lnP)
    parts.push(mul(sub(exp(lnQ), p), scaled(weights, soft * temperature)))
    const rows = mul(reduceSum(mul(p, sub(lnP, lnQ)), [-1]), scaled(weights, temperature ** 2))
    shown.divergence = reshape(reduceSum(rows, [0, 1]), [])
  }
  const given = parts.reduce((sum, part) => add(sum, part))
  const found = gradientsOf(new Map([[z, given]]), [h, weight])
  return graph({ ...shown, h: found.get(h)!, weight: found.get(weight)! })
}
