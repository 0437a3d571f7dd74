import {
  castTo,
  type DType,
  denseWeight,
  graph,
  type InputNode,
  input,
  lowerGraph,
  type Op,
  type Tensor,
  toF32,
  type Weight,
} from '@sinter/tensor-core'
import type { Model } from '../../model.ts'
import { attentionLowering, declareCache } from './attention.ts'
import { storeHead, storePositions, storeTable, type TableType } from './embedding.ts'
import { emitForm } from './forms.ts'
import type { TensorRecord, TensorRecords } from './metadata.ts'
import { createRotation, type Rotation } from './rotary.ts'
import { roundToNBits } from './round.ts'
import { ATTENTION_MASK, createSequence, INPUT_IDS, LOGITS_TO_KEEP, POSITION_IDS, type Sequence } from './sequence.ts'
import type { OnnxSource } from './source-of.ts'
import type { OnnxType } from './types.ts'
import { asF32, floatScalar, ints } from './values.ts'
import type { FormContext } from './weight-form.ts'

export interface DecoderJob {
  readonly model: Model
  readonly source: OnnxSource
  readonly type: OnnxType
  readonly blockSize: number
  readonly embeddings: TableType
  readonly genai: boolean
  readonly signal: AbortSignal | undefined
  readonly onTensor: ((done: number, total: number) => void) | undefined
}

interface Parts {
  readonly sequence: Sequence
  readonly rotation: Rotation
  readonly records: TensorRecords
  /** Says that a stored tensor is done. */
  readonly tick: () => void
}

/** Puts the whole decoder together: token ids and the cache to logits and the longer cache. @returns how each tensor was stored */
export async function buildDecoder(context: FormContext, job: DecoderJob): Promise<TensorRecords> {
  const { builder, store } = context
  const { model } = job
  const sequence = createSequence(builder)
  const rotation = createRotation(builder, store, sequence, model.config)
  const total = storedNames(model).size
  let done = 0
  const tick = () => {
    job.signal?.throwIfAborted()
    job.onTensor?.(++done, total)
  }
  const parts: Parts = { sequence, rotation, records: new Map(), tick }
  declareInputs(context, job)
  const { stream, multiply } = await embed(context, job, parts)
  let x = stream
  for (let block = 0; block < model.blocks; block++) x = await addBlock(context, job, parts, block, x)
  await addHead(context, job, parts, x, multiply)
  return parts.records
}

const storedNames = (model: Model): Set<string> =>
  new Set([
    ...Array.from({ length: model.blocks }, (_, block) => [...model.blockTensors(block).values()]).flat(),
    ...model.outside.headInput.values(),
    ...[model.outside.embedding, model.outside.head, model.outside.positions?.name, model.outside.projectIn].filter(
      name => name !== undefined,
    ),
  ])

function keepRecord(
  records: TensorRecords,
  source: OnnxSource,
  stored: string,
  form: TensorRecord['form'],
  flipped = false,
): void {
  records.set(stored, { shape: source.info(stored).shape, form, ...(flipped && { flipped }) })
}

/** Inputs and outputs in the order of the exports that people know. */
function declareInputs({ builder }: FormContext, { model, genai }: DecoderJob): void {
  builder.input(INPUT_IDS, 'i64', ['batch_size', 'sequence_length'])
  builder.input(ATTENTION_MASK, 'i64', ['batch_size', 'total_sequence_length'])
  builder.input(POSITION_IDS, 'i64', ['batch_size', 'sequence_length'])
  if (!genai) builder.input(LOGITS_TO_KEEP, 'i64', [])
  builder.output('logits', 'f32', ['batch_size', genai ? 'sequence_length' : LOGITS_TO_KEEP, model.config.vocabSize])
  for (let block = 0; block < model.blocks; block++)
    declareCache(builder, block, model.config.kvHeads, model.config.headDim)
}

async function embed(
  context: FormContext,
  { model, source, embeddings, blockSize }: DecoderJob,
  { records, tick }: Parts,
): Promise<{ stream: string; multiply: (x: string) => string }> {
  const { builder, store } = context
  const { outside, config } = model
  const table = await storeTable(context, source, outside.embedding, embeddings, blockSize)
  keepRecord(records, source, outside.embedding, table.record)
  tick()
  let x = table.lookUp(INPUT_IDS)
  if (config.embeddingScale !== 1) x = builder.node('Mul', [x, floatScalar(builder, config.embeddingScale)])
  if (outside.projectIn) {
    const { y, record } = emitForm(
      context,
      denseWeight(toF32(await source.read(outside.projectIn))),
      x,
      outside.projectIn,
    )
    keepRecord(records, source, outside.projectIn, record)
    tick()
    x = y
  }
  if (outside.positions) {
    const { y, record } = await storePositions(context, source, outside.positions, POSITION_IDS)
    keepRecord(records, source, outside.positions.name, record)
    tick()
    x = builder.node('Add', [x, y])
  }
  await store.flush()
  return { stream: x, multiply: table.multiply }
}

/** A block's graph, its linears by their weights, its attention over the cache. */
async function addBlock(
  context: FormContext,
  job: DecoderJob,
  parts: Parts,
  block: number,
  x: string,
): Promise<string> {
  const { model, source } = job
  const { output, linears } = model.blockGraph(block)
  const names = model.blockTensors(block)
  const matrices = new Set(linears.map(({ name }) => `${name}.weight`))
  const weights = new Map<string, Weight>()
  const vectors = new Map<string, Tensor>()
  for (const [canonical, stored] of names) {
    if (matrices.has(canonical)) weights.set(canonical, await weightOf(job, canonical, stored))
    else vectors.set(canonical, toF32(await source.read(stored)))
    parts.tick()
  }
  const bind = bindWith(context, parts, x, names, vectors)
  const linear: Op['lower'] = (emit, [entering, , bias], node) => {
    const canonical = (node.inputs[1] as InputNode).attributes.name
    const stored = names.get(canonical)!
    const { y, record } = emitForm(context, weights.get(canonical)!, entering!, stored)
    keepRecord(parts.records, source, stored, record, model.family.transposed?.includes(canonical))
    return bias === undefined ? y : emit.node('Add', [y, bias])
  }
  const lowerings = {
    linear,
    attention: attentionLowering(context.builder, parts.sequence, block),
    rotary: parts.rotation.lower,
  }
  const y = lowerGraph(context.builder, graph({ y: output }), bind, lowerings).get('y')!
  await context.store.flush()
  return y
}

/** The compressed form that the checkpoint knows, or the values as the type of export wants them. */
async function weightOf(
  { model, source, type, blockSize }: DecoderJob,
  canonical: string,
  stored: string,
): Promise<Weight> {
  const known = await source.weight(stored)
  if (known) return known
  const values = model.storedForm(canonical, toF32(await source.read(stored)))
  return typeof type.linear === 'number'
    ? roundToNBits(values, type.linear, type.integerProducts ? values.shape[1]! : blockSize)
    : denseWeight(castTo(values, type.linear))
}

/** Graph inputs: the stream, tables of positions, and vectors, which are stored when they are first used. */
function bindWith(
  { builder, store }: FormContext,
  { rotation, records }: Parts,
  x: string,
  names: ReadonlyMap<string, string>,
  vectors: ReadonlyMap<string, Tensor>,
): (node: InputNode) => string {
  return ({ attributes: { name } }) => {
    if (name === 'x') return x
    if (/^(full|local)\.(cos|sin)$/.test(name)) return rotation.table(name)
    const vector = vectors.get(name)
    // A matrix: its linear stores it.
    if (!vector) return name
    const stored = names.get(name)!
    records.set(stored, { shape: vector.shape, form: { kind: 'plain', values: stored, dtype: 'f32' } })
    return asF32(builder, store.put(stored, vector), 'f32' satisfies DType)
  }
}

async function addHead(
  context: FormContext,
  job: DecoderJob,
  parts: Parts,
  x: string,
  multiply: (x: string) => string,
): Promise<void> {
  const { builder, store } = context
  const { model, source, embeddings, blockSize } = job
  const { outside } = model
  const vectors = new Map<string, Tensor>()
  const matrices = new Map<string, Tensor>()
  for (const [canonical, stored] of outside.headInput) {
    const values = toF32(await source.read(stored))
    ;(values.shape.length === 2 ? matrices : vectors).set(canonical, values)
    parts.tick()
  }
  const last = job.genai ? x : keepLast(context, x)
  const bind = bindWith(context, parts, last, outside.headInput, vectors)
  const linear: Op['lower'] = (_, [entering], node) => {
    const canonical = (node.inputs[1] as InputNode).attributes.name
    const stored = outside.headInput.get(canonical)!
    const { y, record } = emitForm(context, denseWeight(matrices.get(canonical)!), entering!, stored)
    keepRecord(parts.records, source, stored, record)
    return y
  }
  const entering = lowerGraph(builder, model.headInputGraph(), bind, { linear }).get('head_input')!
  let scores: string
  if (outside.head === outside.embedding) scores = multiply(entering)
  else {
    const head = await storeHead(context, source, outside.head, embeddings, blockSize, entering)
    keepRecord(parts.records, source, outside.head, head.record)
    parts.tick()
    scores = head.y
  }
  const raw = input('logits', 'f32', ['batch', 'tokens', model.config.vocabSize])
  const finished = lowerGraph(builder, graph({ y: model.finishLogits(raw) }), () => scores).get('y')!
  builder.add('Identity', [finished], ['logits'])
  await store.flush()
}

/** Of a long prompt only the last logits are wanted; 0 keeps all. */
function keepLast({ builder }: FormContext, x: string): string {
  const start = builder.node('Reshape', [builder.node('Neg', [LOGITS_TO_KEEP]), ints(builder, [1])])
  const end = builder.constant('i64', [1], [Number.MAX_SAFE_INTEGER])
  return builder.node('Slice', [x, start, end, ints(builder, [1])])
}
