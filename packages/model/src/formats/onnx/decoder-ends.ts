import { denseWeight, graph, type InputNode, input, lowerGraph, type Op, type Tensor, toF32 } from '@sinter/tensor-core'
import { bindWith, type DecoderJob, type DecoderParts, keepRecord } from './decoder-job.ts'
import { storeHead, storePositions, storeTable } from './embedding.ts'
import { emitForm } from './forms.ts'
import { INPUT_IDS, LOGITS_TO_KEEP, POSITION_IDS } from './sequence.ts'
import { floatScalar, ints } from './values.ts'
import type { FormContext } from './weight-form.ts'

/** Token ids to what enters the first block, and the product with the embedding for a head that is tied to it. */
export async function embed(
  context: FormContext,
  { model, source, embeddings, blockSize }: DecoderJob,
  { records, tick }: DecoderParts,
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

/** What leaves the last block to logits. */
export async function addHead(
  context: FormContext,
  job: DecoderJob,
  parts: DecoderParts,
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
