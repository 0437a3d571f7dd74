import { readConfig } from '../../config.ts'
import { familyOf } from '../../families/index.ts'
import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import type { GgufValue } from '../gguf-value.ts'

/** What llama.cpp calls a family, how its tensors are named and stored there, and what of a config it can compute. */
export interface GgufFamily {
  /** `general.architecture` */
  readonly arch: string
  /** `model_type` of config.json. The first is what a file is read back as. */
  readonly modelTypes: readonly string[]
  /** `architectures` of config.json, for reading back. */
  readonly architecture: string
  /** Hugging Face name → GGUF name of what lies outside the blocks, without suffix. */
  readonly root: Names
  /** The same inside a block. */
  readonly block: Names
  /** Hugging Face prefix of block i, before the number. */
  readonly layers: string
  /** What some checkpoints leave out at the beginning of all names. */
  readonly outerName?: string
  /** llama.cpp rotates neighbours (i, i+1) here, Hugging Face halves (i, i + d/2): rows of q and k change places. */
  readonly interleavedRope: boolean
  /** Gemma stores norm weights as w and computes with 1 + w; llama.cpp wants them added. */
  readonly normOffset: 0 | 1
  readonly norm: 'rms' | 'layer'
  /** GPT-2's Conv1D keeps matrices as [in, out]. */
  readonly transposed: readonly string[]
  /** GPT-NeoX keeps q, k and v interleaved by head. */
  readonly headwiseQkv: boolean
  /** llama.cpp refuses a file without `output.weight`, so a tied embedding is written twice. */
  readonly needsOutput: boolean
  /** llama.cpp's graph only ever uses the token embedding for the output. */
  readonly neverOutput: boolean
  /** What a config without `tie_word_embeddings` means. */
  readonly tiedByDefault: boolean
  /** The arch that computes the same with sizes of their own for its blocks. */
  readonly unevenArch?: string | undefined
  /** Names of activations that llama.cpp's fixed one computes, itself first. */
  readonly activations: readonly string[]
  /** Whether a part of a head may be rotated. */
  readonly partialRope: boolean
  /** Undefined for positions that are learned. */
  readonly rope: GgufRopeAbility | undefined
  /** Keys of its own, after the architecture's name. @throws FormatError `unsupported` for what llama.cpp would compute otherwise */
  keys(family: GgufFamily, config: Config, notes: string[]): readonly GgufKey[]
  /** config.json of a file, without what all families have. */
  fields(stored: StoredFields): Config
}

export type Names = readonly (readonly [hf: string, gguf: string])[]
export type GgufKey = readonly [name: string, value: GgufValue]

export interface GgufRopeAbility {
  /** Scalings whose frequencies are a table of their own, where llama.cpp looks for them. */
  readonly tables: readonly ('llama3' | 'longrope')[]
  /** What is wrong with yarn there. */
  readonly noYarn?: string
}

/** A file that is read back. */
export interface StoredFields {
  readonly family: GgufFamily
  /** A key, by what follows the architecture's name. */
  get(name: string): GgufValue | undefined
  /** Whether there is a tensor of that name. */
  has(tensor: string): boolean
  /** Sizes, as LLaMA's config has them. */
  readonly shape: { readonly [field: string]: number }
  readonly rope: Config
}

export const unsupported = ({ arch }: GgufFamily, what: string, why: string): FormatError =>
  new FormatError('unsupported', `llama.cpp's ${arch} cannot do ${what}: ${why}. Use --format hf`)

/** Of a window that some layer has: a config may name one that its family, or another key of it, leaves unused. */
export function noteWindow({ arch }: GgufFamily, config: Config, notes: string[]): void {
  const { layers, maxPositions } = readConfig(config, familyOf(config.model_type))
  const window = Math.min(...layers.flatMap(layer => layer.window ?? []))
  if (window < maxPositions)
    notes.push(`llama.cpp's ${arch} attends to everything: beyond ${window} tokens (sliding_window) its results differ`)
}

export const biases = ({ has }: StoredFields): Config => ({
  attention_bias: has('blk.0.attn_q.bias'),
  mlp_bias: has('blk.0.ffn_up.bias'),
})
