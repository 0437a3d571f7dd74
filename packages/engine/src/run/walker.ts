import type { BlockGraph, Model, Statistic, Statistics } from '@sinter/model'
import {
  type Argument,
  type Backend,
  extract,
  type Node,
  type Program,
  type Resident,
  type TensorF32,
  topological,
  toTensor,
} from '@sinter/tensor-core'
import type { CarryStore } from './carry-store.ts'
import { StatisticsCollector } from './statistics.ts'

/** Token counts of the calibration batches: `[sequences, tokens]` each. */
export type BatchShape = readonly [sequences: number, tokens: number]

/** Where carried values are kept: the residual stream, and what enters the groups. */
export interface CarryStores {
  readonly stream: CarryStore
  readonly groupInputs: CarryStore
}

/** One sweep over all calibration batches, from carried values to new ones, collecting statistics on the way. */
export interface Pass {
  readonly from: readonly Node[]
  /** Values to carry on from here; those of `from` that are not among them are forgotten. */
  readonly carry: readonly Node[]
  readonly statistics: readonly { readonly node: Node; readonly needs: readonly Statistic[] }[]
  readonly onBatch?: (done: number, total: number) => void
}

/** Runs one block at a time over the calibration set. Graphs are compiled once per kind of block and pass. */
export class Walker {
  readonly #model: Model
  readonly #backend: Backend
  readonly #stores: CarryStores
  readonly #batches: readonly BatchShape[]
  readonly #programs = new Map<string, Program>()
  readonly #tables = new Map<string, Resident>()
  readonly #names = new WeakMap<BlockGraph, Map<Node, string>>()
  readonly #signal: AbortSignal | undefined
  #weights = new Map<string, Resident>()

  constructor(
    model: Model,
    backend: Backend,
    stores: CarryStores,
    batches: readonly BatchShape[],
    signal?: AbortSignal,
  ) {
    this.#model = model
    this.#backend = backend
    this.#stores = stores
    this.#batches = batches
    this.#signal = signal
  }

  /** Makes these the block's parameters; the ones of the block before are given back. */
  async load(tensors: ReadonlyMap<string, TensorF32>): Promise<void> {
    for (const resident of this.#weights.values()) resident.release()
    this.#weights = new Map()
    // A copy that moves: a message would copy it twice.
    for (const [name, tensor] of tensors)
      this.#weights.set(name, await this.#backend.upload({ ...tensor, data: tensor.data.slice() }, { move: true }))
  }

  async replace(name: string, tensor: TensorF32): Promise<void> {
    this.#weights.get(name)?.release()
    this.#weights.set(name, await this.#backend.upload(tensor, { move: true }))
  }

  /** Runs the pass; statistics come back in the order asked for. */
  async sweep(block: BlockGraph, pass: Pass): Promise<Statistics[]> {
    const made = pass.carry.filter(node => !pass.from.includes(node))
    const collectors = pass.statistics.map(({ node, needs }, i) => new StatisticsCollector(node, needs, `s${i}`))
    const outputs: Record<string, Node> = Object.fromEntries(made.map(node => [this.#name(block, node), node]))
    for (const collector of collectors) Object.assign(outputs, collector.outputs)
    const keep = [...made.map(node => this.#name(block, node)), ...collectors.flatMap(collector => collector.sumNames)]
    const { program, inputs } = await this.#program(block, pass.from, outputs)
    try {
      let next = this.#take(block, pass.from, 0)
      for (const [batch, [sequences, tokens]] of this.#batches.entries()) {
        this.#signal?.throwIfAborted()
        const taken = await next
        const args = { ...(await this.#parameters(block, inputs, tokens)), ...taken }
        for (const collector of collectors) Object.assign(args, await collector.sums(this.#backend))
        const running = program.run(args, { keep })
        // Fetched while this batch is computed.
        if (batch + 1 < this.#batches.length) next = this.#take(block, pass.from, batch + 1)
        const [results] = await Promise.all([running, next])
        for (const collector of collectors) collector.observe(results, sequences, tokens)
        for (const node of pass.from) {
          const name = this.#name(block, node)
          this.#storeOf(block, node).done(name, batch, taken[name]!, !pass.carry.includes(node))
        }
        for (const node of made) {
          const name = this.#name(block, node)
          await this.#storeOf(block, node).put(name, batch, results[name] as Resident)
        }
        pass.onBatch?.(batch + 1, this.#batches.length)
      }
      return await Promise.all(collectors.map(collector => collector.finish()))
    } finally {
      for (const collector of collectors) collector.release()
      for (const node of pass.from) if (!pass.carry.includes(node)) await this.forget(block, node)
    }
  }

  /** What one node is for the first batch, with some parameters replaced. f32 `[sequences, tokens, width]` */
  async peek(
    block: BlockGraph,
    from: readonly Node[],
    node: Node,
    replacements: ReadonlyMap<string, TensorF32> = new Map(),
  ): Promise<TensorF32> {
    const { program, inputs } = await this.#program(block, from, { value: node })
    const taken = await this.#take(block, from, 0)
    const parameters = await this.#parameters(block, inputs, this.#batches[0]![1])
    const results = await program.run({ ...parameters, ...Object.fromEntries(replacements), ...taken })
    for (const source of from) {
      const name = this.#name(block, source)
      this.#storeOf(block, source).done(name, 0, taken[name]!, false)
    }
    return (await toTensor(results.value!)) as TensorF32
  }

  /** A node as a function of one other, with some parameters replaced: nothing before that one is computed again. */
  async evaluate(
    block: BlockGraph,
    from: { readonly node: Node; readonly value: TensorF32 },
    node: Node,
    replacements: ReadonlyMap<string, TensorF32>,
  ): Promise<TensorF32> {
    const { program, inputs } = await this.#program(block, [from.node], { value: node })
    const parameters = await this.#parameters(block, inputs, from.value.shape[1]!)
    const results = await program.run({
      ...parameters,
      ...Object.fromEntries(replacements),
      [this.#name(block, from.node)]: from.value,
    })
    return (await toTensor(results.value!)) as TensorF32
  }

  async forget(block: BlockGraph, node: Node): Promise<void> {
    await this.#storeOf(block, node).drop(this.#name(block, node))
  }

  /** The block's output becomes the next block's input. */
  async advance(block: BlockGraph): Promise<void> {
    await this.#stores.stream.rename(this.#name(block, block.output), 'x')
  }

  async close(): Promise<void> {
    await this.load(new Map())
    for (const program of this.#programs.values()) await program.close()
    for (const table of this.#tables.values()) table.release()
    await this.#stores.stream.close()
    await this.#stores.groupInputs.close()
  }

  async #take(block: BlockGraph, from: readonly Node[], batch: number): Promise<Record<string, Resident>> {
    const taken: Record<string, Resident> = {}
    for (const node of from) {
      const name = this.#name(block, node)
      taken[name] = await this.#storeOf(block, node).get(name, batch)
    }
    return taken
  }

  /** The input of a group is needed once more, in the next pass; the residual stream is read by several. */
  #storeOf(block: BlockGraph, node: Node): CarryStore {
    const ofGroup = node !== block.input && block.groupInputs.includes(node)
    return ofGroup ? this.#stores.groupInputs : this.#stores.stream
  }

  /**
   * Names of carried values, by their place in the block: blocks of one kind have equal graphs, so the names are equal too and
   * a compiled graph serves them all.
   */
  #name(block: BlockGraph, node: Node): string {
    let names = this.#names.get(block)
    if (!names) {
      names = new Map(topological([block.output]).map((each, i) => [each, `n${i}`]))
      names.set(block.input, 'x').set(block.output, 'y')
      this.#names.set(block, names)
    }
    return names.get(node)!
  }

  async #program(block: BlockGraph, from: readonly Node[], outputs: Readonly<Record<string, Node>>) {
    const graph = extract(new Map(from.map(node => [node, this.#name(block, node)])), outputs)
    const key = [block.key, [...graph.inputs.keys()], [...graph.outputs.keys()]].join('|')
    let program = this.#programs.get(key)
    if (!program) this.#programs.set(key, (program = await this.#backend.compile(graph)))
    return { program, inputs: [...graph.inputs.keys()] }
  }

  async #parameters(block: BlockGraph, inputs: readonly string[], tokens: number): Promise<Record<string, Argument>> {
    const args: Record<string, Argument> = {}
    for (const name of inputs) {
      const weight = this.#weights.get(name)
      if (weight) args[name] = weight
      else if (block.tables.includes(name)) args[name] = await this.#table(block, name, tokens)
    }
    return args
  }

  async #table(block: BlockGraph, name: string, tokens: number): Promise<Resident> {
    const key = `${block.key}|${name}|${tokens}`
    const known = this.#tables.get(key)
    if (known) return known
    for (const [table, tensor] of this.#model.tables(block, tokens))
      this.#tables.set(`${block.key}|${table}|${tokens}`, await this.#backend.upload(tensor))
    return this.#tables.get(key)!
  }
}
