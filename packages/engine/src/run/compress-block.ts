import type {
  BlockGraph,
  LayerGroup,
  MethodContext,
  Model,
  Note,
  Statistic,
  Statistics,
  TransformBlock,
  WeightMethod,
} from '@sinter/model'
import {
  type Compute,
  denseWeight,
  freeBuffer,
  type Node,
  type TensorF32,
  totalBits,
  type Weight,
} from '@sinter/tensor-core'
import { groupBy } from '../group-by.ts'
import type { Plan, PlanRow, Step } from '../plan/plan.ts'
import type { LayerReport } from './events.ts'
import { changeOf } from './layer-error.ts'
import { planStages } from './stages.ts'
import type { Walker } from './walker.ts'

/** A finished block: the representation of each compressed matrix, and the dense tensors that transforms rewrote. */
export interface CompressedBlock {
  readonly weights: ReadonlyMap<string, Weight>
  readonly rewritten: ReadonlyMap<string, TensorF32>
  readonly layers: readonly LayerReport[]
}

export interface BlockJob {
  readonly model: Model
  readonly plan: Plan
  readonly block: number
  /** The block's tensors by canonical name, f32. Their memory is used again for the next block. */
  readonly tensors: Map<string, TensorF32>
  readonly compute: Compute
  /** Absent when no method of the plan needs data. */
  readonly walker?: Walker | undefined
  /** Whether the block's output is wanted: all but the last. */
  readonly propagate: boolean
  /** Called before the inputs of this block are overwritten. */
  readonly beforeOverwrite: () => Promise<void>
  readonly onNote: (layer: string, note: Note) => void
  readonly onLayer: (layer: LayerReport) => void
  readonly onWork: (share: number) => void
}

/** Transforms, then compresses one block group by group, and carries the calibration set through it. */
export async function compressBlock(job: BlockJob): Promise<CompressedBlock> {
  const { tensors } = job
  const graph = job.model.blockGraph(job.block)
  await job.walker?.load(tensors)
  const ahead = onlyOriginals(job, graph)
  const rewritten = await applyTransforms(job, graph, tensors, ahead)
  const weights = new Map<string, Weight>()
  const layers: LayerReport[] = []
  const compress = async (group: LayerGroup, statistics: Statistics) => {
    for (const [name, done] of await compressGroup(job, group, statistics, tensors)) {
      weights.set(name, done.weight)
      layers.push(done.report)
      tensors.delete(`${name}.weight`)
      if (done.dense) await job.walker!.replace(`${name}.weight`, done.dense)
    }
  }
  if (job.walker && !ahead) await walkStages(job, job.walker, graph, compress)
  else for (const group of graph.groups) await compress(group, { tokens: 0, sequences: 0 })
  if (job.walker && ahead) await advance(job, job.walker, graph)
  // What was rewritten and then compressed is in its Weight.
  for (const name of weights.keys()) rewritten.delete(`${name}.weight`)
  return { weights, rewritten, layers }
}

/**
 * Whether nothing after the transforms looks at activations: then the sweep that gathers the transforms' statistics also
 * makes the next block's input, and there is no other.
 */
function onlyOriginals(job: BlockJob, graph: BlockGraph): boolean {
  return job.plan.propagate === 'original' && graph.groups.every(group => needsOf(job, group).length === 0)
}

async function advance(job: BlockJob, walker: Walker, graph: BlockGraph): Promise<void> {
  await job.beforeOverwrite()
  await walker.forget(graph, graph.input)
  if (job.propagate) await walker.advance(graph)
}

async function walkStages(
  job: BlockJob,
  walker: Walker,
  graph: BlockGraph,
  compress: (group: LayerGroup, statistics: Statistics) => Promise<void>,
): Promise<void> {
  const { stages, last } = planStages(graph)
  const sweeps = stages.length + (job.propagate ? 1 : 0)
  const onBatch = (sweep: number) => (done: number, total: number) => job.onWork((sweep + done / total) / sweeps)
  let from: readonly Node[] = [graph.input]
  for (const stage of stages) {
    const group = graph.groups[stage.group]!
    const needs = needsOf(job, group)
    if (needs.length > 0 || stage.carry.some(node => !from.includes(node))) {
      if (!stage.carry.includes(graph.input)) await job.beforeOverwrite()
      const [statistics] = await walker.sweep(graph, {
        from,
        carry: stage.carry,
        onBatch: onBatch(stage.group),
        statistics: needs.length > 0 ? [{ node: graph.groupInputs[stage.group]!, needs }] : [],
      })
      from = stage.carry
      await compress(group, statistics ?? { tokens: 0, sequences: 0 })
      if (statistics?.gram) freeBuffer(statistics.gram)
    } else await compress(group, { tokens: 0, sequences: 0 })
  }
  await job.beforeOverwrite()
  if (!job.propagate) return
  await walker.sweep(graph, { from: last, carry: [graph.output], statistics: [], onBatch: onBatch(stages.length) })
  await walker.advance(graph)
}

const rowsOf = (job: BlockJob, group: LayerGroup): PlanRow[] =>
  job.plan.rows.filter(row => row.block === job.block && row.action === 'compress' && group.linears.includes(row.name))

function needsOf(job: BlockJob, group: LayerGroup): Statistic[] {
  const all = rowsOf(job, group).flatMap(row => row.steps.flatMap(step => step.method.needs(step.options)))
  return [...new Set(all)]
}

/** Matrices with the same steps go through them together: what depends on the input alone is then computed once. */
async function compressGroup(
  job: BlockJob,
  group: LayerGroup,
  statistics: Statistics,
  tensors: ReadonlyMap<string, TensorF32>,
) {
  const bySteps = groupBy(rowsOf(job, group), row =>
    JSON.stringify(row.steps.map(step => [step.method.name, step.options])),
  )
  const carriesOn = job.walker !== undefined && job.plan.propagate === 'compressed'
  const done = new Map<string, { weight: Weight; dense: TensorF32 | undefined; report: LayerReport }>()
  for (const rows of bySteps.values()) {
    const started = performance.now()
    const originals = new Map(rows.map(row => [row.name, tensors.get(`${row.name}.weight`)!]))
    const results = await runSteps(job, group, originals, statistics, rows[0]!.steps)
    const seconds = (performance.now() - started) / 1000 / rows.length
    for (const row of rows) {
      const weight = results.get(row.name)!
      const dense = carriesOn ? weight.dense() : undefined
      const report: LayerReport = {
        name: row.tensor.replace(/\.weight$/, ''),
        block: job.block,
        kind: row.name,
        method: row.steps.map(step => step.method.name).join('+'),
        bitsPerWeight: totalBits(weight.bits()) / (weight.shape[0] * weight.shape[1]),
        ...(await changeOf(originals.get(row.name)!, dense ? denseWeight(dense) : weight, statistics)),
        seconds,
      }
      job.onLayer(report)
      done.set(row.name, { weight, dense, report })
    }
  }
  return done
}

async function runSteps(
  job: BlockJob,
  group: LayerGroup,
  originals: ReadonlyMap<string, TensorF32>,
  statistics: Statistics,
  steps: readonly Step<WeightMethod>[],
): Promise<ReadonlyMap<string, Weight>> {
  let weights: ReadonlyMap<string, Weight> = new Map()
  for (const [i, step] of steps.entries()) {
    const layers = i === 0 ? originals : new Map([...weights].map(([name, weight]) => [name, weight.dense()]))
    weights = await step.method.compress(layers, statistics, step.options, contextOf(job, group.linears[0]!))
  }
  return weights
}

function contextOf(job: BlockJob, layer: string): MethodContext {
  const name = `block ${job.block}, ${layer}`
  return { compute: job.compute, name, note: note => job.onNote(name, note) }
}

/** Runs the transforms on the dense block; returns what they rewrote. */
async function applyTransforms(
  job: BlockJob,
  graph: BlockGraph,
  tensors: Map<string, TensorF32>,
  ahead: boolean,
): Promise<Map<string, TensorF32>> {
  const rewritten = new Map<string, TensorF32>()
  for (const [i, step] of job.plan.transforms.entries()) {
    const walker = job.walker
    if (!walker) throw new Error(`${step.method.name} needs calibration data, and the plan has none`)
    const needs = step.method.needs(step.options)
    const statistics = await walker.sweep(graph, {
      from: [graph.input],
      carry: i === 0 && ahead && job.propagate ? [graph.input, graph.output] : [graph.input],
      statistics: graph.groupInputs.map(node => ({ node, needs })),
    })
    const changed = new Map<string, TensorF32>()
    await step.method.transform(
      await transformBlock(graph, tensors, statistics, walker, needs, changed),
      step.options,
      contextOf(job, step.method.name),
    )
    for (const [name, tensor] of changed) {
      rewritten.set(name, tensor)
      await walker.replace(name, { ...tensor, data: tensor.data.slice() })
    }
  }
  return rewritten
}

async function transformBlock(
  graph: BlockGraph,
  tensors: Map<string, TensorF32>,
  statistics: readonly Statistics[],
  walker: Walker,
  needs: readonly Statistic[],
  changed: Map<string, TensorF32>,
): Promise<TransformBlock> {
  const all = [...statistics]
  const inputs = new Map<LayerGroup, TensorF32>()
  const inputOf = async (group: LayerGroup): Promise<TensorF32> => {
    const known = inputs.get(group)
    if (known) return known
    const made = firstSequences(
      await walker.peek(graph, [graph.input], graph.groupInputs[graph.groups.indexOf(group)]!),
    )
    inputs.set(group, made)
    return made
  }
  if (needs.includes('samples'))
    for (const [i, group] of graph.groups.entries()) all[i] = { ...all[i]!, samples: sampleRows(await inputOf(group)) }
  const tensor = (name: string) => {
    const found = tensors.get(name)
    if (!found) throw new Error(`the block has no tensor "${name}"`)
    return found
  }
  return {
    groups: graph.groups,
    statistics: group => all[graph.groups.indexOf(group)]!,
    tensor,
    replace(name, value) {
      tensors.set(name, value)
      changed.set(name, value)
    },
    async moduleOutput(group, replacements) {
      const current = new Map([...changed, ...replacements])
      const input = { node: graph.groupInputs[graph.groups.indexOf(group)]!, value: await inputOf(group) }
      const output = await walker.evaluate(graph, input, moduleNode(graph, group), current)
      const width = output.shape.at(-1)!
      return { dtype: 'f32', shape: [output.data.length / width, width], data: output.data }
    },
  }
}

/** Tokens that searches look at: AWQ's computes a module for each scale it tries. */
const SAMPLE_ROWS = 512

/** Whole sequences of x `[sequences, tokens, width]`, at least one. */
function firstSequences(x: TensorF32): TensorF32 {
  const [sequences, tokens, width] = x.shape as [number, number, number]
  const count = Math.min(sequences, Math.max(1, Math.floor(SAMPLE_ROWS / tokens)))
  return { ...x, shape: [count, tokens, width], data: x.data.slice(0, count * tokens * width) }
}

/** Evenly spaced rows. */
function sampleRows(x: TensorF32): TensorF32 {
  const width = x.shape.at(-1)!
  const rows = x.data.length / width
  const count = Math.min(rows, SAMPLE_ROWS)
  const data = new Float32Array(count * width)
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * rows) / count)
    data.set(x.data.subarray(row * width, (row + 1) * width), i * width)
  }
  return { dtype: 'f32', shape: [count, width], data }
}

/** Output of the smallest module around a group: behind a norm that is attention or the MLP, which the next group ends. */
function moduleNode(graph: BlockGraph, group: LayerGroup): Node {
  const index = graph.groups.indexOf(group)
  const end = group.producer?.kind === 'norm' ? (graph.groups[index + 1] ?? group) : group
  return graph.linears.find(linear => linear.name === end.linears[0])!.node
}
