import {
  castTo,
  denseWeight,
  graph,
  type InputNode,
  lowerGraph,
  type Op,
  type Tensor,
  toF32,
  type Weight,
} from '@sinter/tensor-core'
import type { Model } from '../../model.ts'
import { attentionLowering, declareCache } from './attention.ts'
import { addHead, embed } from './decoder-ends.ts'
import { bindWith, type DecoderJob, type DecoderParts, keepRecord } from './decoder-job.ts'
import { emitForm } from './forms.ts'
import type { TensorRecords } from './metadata.ts'
import { createRotation } from './rotary.ts'
import { roundToNBits } from './round.ts'
import { ATTENTION_MASK, createSequence, INPUT_IDS, LOGITS_TO_KEEP, POSITION_IDS } from './sequence.ts'
import type { FormContext } from './weight-form.ts'

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
  const parts: DecoderParts = { sequence, rotation, records: new Map(), tick }
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

/** A block's graph, its linears by their weights, its attention over the cache. */
async function addBlock(
  context: FormContext,
  job: DecoderJob,
  parts: DecoderParts,
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
