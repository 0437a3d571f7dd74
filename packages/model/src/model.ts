import type { Backend, Graph, InputNode, Node, Resident, Tensor, TensorF32 } from '@sinter/tensor-core'
import type { TracedBlock } from './block-graph.ts'
import type { ModelConfig } from './config.ts'
import type { Family } from './families/family.ts'
import type { TraceOptions } from './families/tracer.ts'
import type { TensorSource } from './formats/source.ts'
import type { LayerGroup } from './method.ts'
import type { Tokenizer } from './tokenizer/tokenizer.ts'

/** A checkpoint with the family that knows how to run it. Nothing is read before it is asked for. */
export interface Model {
  readonly config: ModelConfig
  /** Contents of config.json as they are. */
  readonly configFile: Readonly<Record<string, unknown>>
  readonly family: Family
  readonly source: TensorSource
  readonly hasTokenizer: boolean
  /** Built at the first use, from a vocabulary of some megabytes; undefined when the checkpoint has none. */
  readonly tokenizer?: Tokenizer | undefined
  /** The folder or file it came from. */
  readonly path: string
  readonly blocks: number
  /** Names of block i's stored tensors: canonical name inside the block → name in the checkpoint. */
  blockTensors(block: number): ReadonlyMap<string, string>
  /**
   * Block i's tensors by canonical name (`self_attn.q_proj.weight`), f32; linear weights always `[out, in]`,
   * whatever the checkpoint's layout. Only this block is read.
   * @param memory tensors of another block that nobody needs any more: this one may be put into their memory
   */
  readBlock(block: number, memory?: ReadonlyMap<string, TensorF32>): Promise<Map<string, TensorF32>>
  blockGraph(block: number): BlockGraph
  /** The block computed otherwise: linear layers rewritten, several documents a row. `shapes` then has what this brought in. */
  tracedBlock(block: number, options: Omit<TraceOptions, 'cached'>): TracedBlock
  /** Where the tensors outside the blocks are kept. */
  readonly outside: OutsideTensors
  /** The same model with its tensors, of the same names and shapes, read from elsewhere. */
  over(source: TensorSource): Model
  /** A block tensor by canonical name as the checkpoint keeps it: the inverse of what `readBlock` did to its layout. */
  storedForm(name: string, tensor: TensorF32): TensorF32
  /** Values for the graph's `tables` inputs (rotary cosines …) of `tokens` positions from `start`. */
  tables(graph: BlockGraph, tokens: number, start?: number, total?: number): Map<string, TensorF32>
  /** What enters block 0 for token ids `[batch, tokens]`; reads only the rows that occur. f32 `[batch, tokens, hidden]` */
  embed(ids: Tensor, start?: number): Promise<TensorF32>
  /** From the last block's output to what the output embedding multiplies (final norm …): graph `x` → `head_input`. */
  headInputGraph(): Graph
  /** Parameters of `headInputGraph`. */
  readHeadInput(): Promise<Map<string, TensorF32>>
  /**
   * The output embedding's rows `[start, start + count)`, f32 `[count, width]`, and bias when there is one.
   * Logits = finishLogits(head_input · rowsᵀ + bias).
   */
  readHeadRows(start: number, count: number): Promise<{ weight: TensorF32; bias?: TensorF32 }>
  /** Softcap, scale: what happens to logits after the product, as part of a graph. */
  finishLogits(logits: Node): Node
  close(): Promise<void>
}

/** Names in the checkpoint. */
export interface OutsideTensors {
  readonly embedding: string
  /** The embedding again when the head is tied to it. */
  readonly head: string
  /** Learned positions; row `offset` belongs to position 0. */
  readonly positions?: { readonly name: string; readonly offset: number }
  /** From the embedding's width to the stream's. */
  readonly projectIn?: string
  /** Parameters of `headInputGraph` by their names there. */
  readonly headInput: ReadonlyMap<string, string>
}

/** One block as a traced computation, and what of it methods may touch. Blocks with equal keys share a compiled graph. */
export interface BlockGraph {
  readonly key: string
  /** `x` f32 `['batch', 'tokens', hidden]` */
  readonly input: InputNode
  readonly output: Node
  /** Graph inputs that are stored tensors, by canonical name. */
  readonly parameters: readonly string[]
  /** Graph inputs that depend on positions only. */
  readonly tables: readonly string[]
  /** Linear layers in order of use: canonical name without `.weight`, and the node that enters it. */
  readonly linears: readonly { readonly name: string; readonly node: Node; readonly input: Node }[]
  /** Linears behind one input, in order of use, with where a scale can fold. */
  readonly groups: readonly LayerGroup[]
  /** The node that enters group i. */
  readonly groupInputs: readonly Node[]
  /**
   * The same block with a cache: extra inputs `past.k`, `past.v` f32 `['batch', 'past', kvWidth]`,
   * outputs `y`, `present.k`, `present.v`.
   */
  cached(): Graph
}

/** Hidden states of many sequences while they walk through the blocks. */
export interface HiddenBatch {
  /** f32 `[batch, tokens, hidden]` */
  readonly hidden: Resident
  readonly ids: Tensor
}

export interface ForwardOptions {
  readonly backend: Backend
  /**
   * Called with the hidden states after every block (0: what enters the first). The next block writes into their buffers:
   * read what you need before you return.
   */
  readonly onHidden?: (block: number, batches: readonly HiddenBatch[]) => Promise<void> | void
  /** For each batch i32 `[batch, tokens]`, which document a position belongs to: attention stays in its own. */
  readonly documents?: readonly Tensor[] | undefined
  readonly signal?: AbortSignal
  readonly onBlock?: (done: number, total: number) => void
}
