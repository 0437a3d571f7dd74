import {
  type Argument,
  type Backend,
  type Graph,
  gradientName,
  graph,
  type Node,
  pullback,
  type Resident,
  type Tensor,
  type TensorF32,
} from '@sinter/tensor-core'
import type { TracedBlock } from '../block-graph.ts'
import type { AttentionPart, LinearRewrite } from '../families/tracer.ts'
import type { Model } from '../model.ts'
import type { Programs } from '../programs.ts'
import { releaseAll } from '../residents.ts'
import { addGradient, type GradientMap } from './gradients.ts'

export interface BlockPassOptions {
  readonly model: Model
  readonly backend: Backend
  readonly programs: Programs
  readonly rewrite?: LinearRewrite | undefined
  /** Rows hold several documents. */
  readonly documents?: boolean
  /** Tensors that the rewrite brings in, by stored name. */
  readonly extras: ReadonlyMap<string, TensorF32>
  /** Whether a tensor is trained, by stored name. */
  readonly trains: (name: string) => boolean
  /** Whether it may be another one at the next pass: what is trained, and what a method sets from step to step. */
  readonly changes: (name: string) => boolean
  /** Frozen tensors stay with the backend between steps; else each pass reads them again. */
  readonly keepFrozen: boolean
}

/** What a batch brings besides its activations: `documents` where rows hold several. */
export type BatchInputs = Readonly<Record<string, Tensor>>

/** What a block gives; the caller releases it. */
export interface BlockOutput {
  readonly y: Resident
  /** q `[batch, tokens, heads · headDim]`, k and v of the key-value heads. */
  readonly attended?: Attended | undefined
}

export type Attended = Readonly<Partial<Record<AttentionPart, Resident>>>

/** The blocks of a model, forwards and backwards. A block is recomputed from its input when its gradient is asked for. */
export interface BlockPass {
  /** Whether anything in block `index` is trained. */
  trainsBlock(index: number): boolean
  /** @param withAttention what enters the attention is asked for too */
  forward(index: number, x: Resident, batch: BatchInputs, withAttention?: boolean): Promise<BlockOutput>
  /**
   * Gradients of block `index`'s trained tensors are added to `gradients`.
   * @param x what entered the block
   * @param given the gradients of what it gave, attention's as far as there are any; released
   * @returns the gradient of x, unless nobody wants it
   */
  backward(
    index: number,
    x: Resident,
    given: BlockOutput,
    batch: BatchInputs,
    wantsInput: boolean,
    gradients: GradientMap,
  ): Promise<Resident | undefined>
  release(): void
}

export function createBlockPass(options: BlockPassOptions): BlockPass {
  const { model, backend, programs, rewrite, documents = false, trains, changes } = options
  const blocks = Array.from({ length: model.blocks }, (_, i) => model.tracedBlock(i, { rewrite, documents }))
  const names = blocks.map((block, i) => storedNames(model, i, block))
  const frozen = new Map<number, Record<string, Resident>>()
  const trained = names.map(map => [...map].filter(([, stored]) => trains(stored)).map(([name]) => name))
  const changing = names.map(map => [...map.values()].some(changes))

  async function readTensors(index: number, wanted: (stored: string) => boolean): Promise<Record<string, Resident>> {
    const own = model.blockTensors(index)
    // Adapters beside frozen tensors that are here already: nothing of the checkpoint has to be read again.
    const needed = [...names[index]!].some(([name, full]) => own.has(name) && wanted(full))
    const stored = needed ? await model.readBlock(index) : new Map<string, TensorF32>()
    const residents: Record<string, Resident> = {}
    for (const [name, full] of names[index]!) {
      if (!wanted(full)) continue
      const extra = options.extras.get(full)
      if (!own.has(name) && !extra)
        throw new TypeError(`training: nobody gave a value to ${full} [${blocks[index]!.shapes.get(name)!.join(', ')}]`)
      const tensor = own.has(name) ? stored.get(name)! : { ...extra!, data: extra!.data.slice() }
      residents[name] = await backend.upload(tensor, { move: true })
    }
    return residents
  }

  /** The block's tensors, and those of them that the caller gives back. */
  async function tensors(index: number): Promise<{ all: Record<string, Resident>; own: Record<string, Resident> }> {
    if (!options.keepFrozen) {
      const all = await readTensors(index, () => true)
      return { all, own: all }
    }
    const kept = frozen.get(index) ?? (await readTensors(index, name => !changes(name)))
    frozen.set(index, kept)
    const own = changing[index] ? await readTensors(index, changes) : {}
    return { all: { ...kept, ...own }, own }
  }

  async function run<T>(
    index: number,
    x: Resident,
    batch: BatchInputs,
    work: (inputs: Record<string, Argument>) => Promise<T>,
  ): Promise<T> {
    const { all, own } = await tensors(index)
    try {
      return await work({ x, ...batch, ...all, ...Object.fromEntries(model.tables(blocks[index]!, x.shape[1]!)) })
    } finally {
      releaseAll(own)
    }
  }

  return {
    trainsBlock: index => trained[index]!.length > 0,
    async forward(index, x, batch, withAttention = false) {
      const block = blocks[index]!
      const outputs = outputsOf(block, withAttention ? ['q', 'k', 'v'] : [])
      const keep = Object.keys(outputs)
      const program = await programs.get(`${block.key} ${keep.join()}`, () => graph(outputs))
      const results = await run(index, x, batch, inputs => program.run(inputs, { keep }))
      const { y, ...attended } = results as Record<string, Resident>
      return { y: y!, ...(withAttention && { attended }) }
    },
    async backward(index, x, { y, attended }, batch, wantsInput, gradients) {
      const block = blocks[index]!
      const wrt = [...(wantsInput ? ['x'] : []), ...trained[index]!]
      const outputs = outputsOf(block, Object.keys(attended ?? {}) as AttentionPart[])
      const key = `${block.key} ${Object.keys(outputs).join()} back ${wrt.join()}`
      const program = await programs.get(key, () => blockPullback(outputs, wrt))
      const keep = wantsInput ? [gradientName('x')] : []
      const given = Object.fromEntries(
        Object.entries({ y, ...attended }).map(([name, value]) => [givenName(name), value]),
      )
      const results = await run(index, x, batch, inputs => program.run({ ...inputs, ...given }, { keep }))
      releaseAll(given)
      for (const name of trained[index]!) {
        const tensor = results[gradientName(name)] as Tensor as TensorF32
        const stored = model.blockTensors(index).has(name) ? model.storedForm(name, tensor) : tensor
        addGradient(gradients, names[index]!.get(name)!, stored.data)
      }
      return wantsInput ? (results[gradientName('x')] as Resident) : undefined
    },
    release() {
      for (const residents of frozen.values()) releaseAll(residents)
      frozen.clear()
    },
  }
}

const outputsOf = (block: TracedBlock, parts: readonly AttentionPart[]): Readonly<Record<string, Node>> => ({
  y: block.output,
  ...Object.fromEntries(parts.map(part => [part, block.attended[part]])),
})

const givenName = (output: string) => `given.${output}`

function blockPullback(outputs: Readonly<Record<string, Node>>, wrt: readonly string[]): Graph {
  const given = Object.fromEntries(Object.keys(outputs).map(name => [name, givenName(name)]))
  return pullback(graph(outputs), { given, wrt })
}

/** Stored names of a block's tensors; what a rewrite brought in is called like its neighbours. */
export function storedNames(model: Model, index: number, block: TracedBlock): ReadonlyMap<string, string> {
  const own = model.blockTensors(index)
  const [name, stored] = own.entries().next().value!
  const stem = stored.slice(0, stored.length - name.length)
  // A rewrite may leave a tensor aside: nobody has to read it.
  const used = graph({ y: block.output }).inputs
  const keys = [...block.shapes.keys()].filter(key => used.has(key))
  return new Map(keys.map(key => [key, own.get(key) ?? `${stem}${key}`]))
}
