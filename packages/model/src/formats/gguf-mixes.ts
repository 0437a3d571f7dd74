import { encodingNamed } from './encodings.ts'
import { isQuantized } from './gguf-mix-kept.ts'
import {
  type Category,
  type Choices,
  ggufMixes,
  type Mix,
  type MixFacts,
  type MixPlace,
  mixAliases,
} from './gguf-mix-table.ts'
import { type GgufMetadata, numberOf, numbersOf, stringOf } from './gguf-value.ts'

export interface MixTensor {
  /** As GGUF has it: `blk.0.attn_q.weight` */
  readonly name: string
  /** Row-major, `[out, in]` or `[experts, out, in]`. */
  readonly shape: readonly number[]
}

export interface MixRow {
  /** Absent for a tensor that llama.cpp never quantizes: it stays as it is. */
  readonly type?: string
  /** The type that the mix has for it, where its rows do not divide into that one's blocks. */
  readonly insteadOf?: string
  /** Without importance of its columns the result would be garbage; llama.cpp refuses. */
  readonly needsImportance: boolean
}

/** The mix of a name, in any case, aliases included. */
export function findMix(name: string): { readonly name: string; readonly mix: Mix } | undefined {
  const upper = name.toUpperCase()
  const known = mixAliases[upper] ?? upper
  const mix = Object.hasOwn(ggufMixes, known) ? ggufMixes[known] : undefined
  return mix && { name: known, mix }
}

/** The order in which llama.cpp visits tensors and writes them: the outside first, then by layer, names in each. */
export function inMixOrder<T extends { readonly name: string }>(tensors: readonly T[]): readonly T[] {
  return tensors.toSorted((a, b) => layerOf(a.name) - layerOf(b.name) || (a.name < b.name ? -1 : 1))
}

const layerOf = (name: string): number => Number(/^blk\.(\d+)/.exec(name)?.[1] ?? -1)

/**
 * Which type every tensor gets, as `llama_model_quantize` of llama.cpp v0.5.0 has it: the mix's choice by what the tensor does
 * and where it stands, and a smaller block where its rows do not divide.
 * @returns a row for each tensor, in their order
 */
export function typesOfMix(
  mix: Mix,
  tensors: readonly MixTensor[],
  facts: MixFacts,
  importance: boolean,
): readonly MixRow[] {
  const ordered = inMixOrder(tensors)
  const choose = chooser(mix, ordered, facts, importance)
  const rows = new Map(ordered.map(tensor => [tensor.name, rowOf(mix, tensor, choose)]))
  return tensors.map(({ name }) => rows.get(name)!)
}

function rowOf(mix: Mix, tensor: MixTensor, choose: (tensor: MixTensor) => string): MixRow {
  if (!isQuantized(tensor)) return { needsImportance: false }
  if (encodingNamed(mix.base).dtype) return { type: mix.base, needsImportance: false }
  const wanted = choose(tensor)
  const type = fitting(wanted, tensor.shape.at(-1)!)
  return {
    type,
    ...(type !== wanted && { insteadOf: wanted }),
    needsImportance: needsImportance(mix, tensor.name, type),
  }
}

/** Stateful, as llama.cpp is: tensors of a kind are counted as they pass. */
function chooser(mix: Mix, tensors: readonly MixTensor[], facts: MixFacts, importance: boolean) {
  const tied = !tensors.some(({ name }) => name === 'output.weight')
  const choices = choicesFor(mix, facts)
  const fused = tensors.filter(({ name }) => categoryOf(name) === 'attnV').length
  const seen = new Map<Category, number>()
  return ({ name, shape }: MixTensor): string => {
    if (name === 'output.weight' || (tied && isEmbedding(name))) return outputType(mix, shape, facts)
    if (mix.beside !== undefined) return isOfExperts(shape) ? mix.base : mix.beside
    if (isEmbedding(name)) return mix.embedding ?? mix.base
    const category = categoryOf(name)
    if (!category) return mix.base
    const index = seen.get(category) ?? 0
    seen.set(category, index + 1)
    const place: MixPlace = {
      facts,
      importance,
      index,
      count: category === 'attnV' ? fused : facts.layers,
      layer: facts.experts > 1 ? layerOf(name) : index,
      layers: facts.layers,
    }
    const chosen = choices[category]?.find(([, when]) => when?.(place) ?? true)?.[0] ?? mix.base
    return category === 'attnV' && !mix.lowest ? inLargeModel(chosen, facts) : chosen
  }
}

/** Parts of names, the first that is found in a name decides. */
const categories: readonly (readonly [part: string, category: Category])[] = [
  ['attn_qkv.weight', 'attnV'],
  ['attn_kv_b.weight', 'attnV'],
  ['attn_v.weight', 'attnV'],
  ['attn_k.weight', 'attnK'],
  ['attn_q.weight', 'attnQ'],
  ['attn_output.weight', 'attnOutput'],
  ['ffn_up', 'ffnUp'],
  ['ffn_gate', 'ffnGate'],
  ['ffn_down', 'ffnDown'],
]

const categoryOf = (name: string): Category | undefined => categories.find(([part]) => name.includes(part))?.[1]

const isEmbedding = (name: string): boolean => name === 'token_embd.weight' || name === 'per_layer_token_embd.weight'

const isOfExperts = (shape: readonly number[]): boolean => shape.length > 2 && shape.at(-3)! > 1

function outputType(mix: Mix, shape: readonly number[], { arch }: MixFacts): string {
  const divides = shape.at(-1)! % encodingNamed(mix.base).blockSize === 0
  return mix.beside ?? (arch === 'falcon' || !divides ? 'Q8_0' : (mix.output ?? 'Q6_K'))
}

function choicesFor(mix: Mix, { arch, experts }: MixFacts): Choices {
  const attention: Choices = mix.lowest ? {} : { attnV: [['Q8_0']], attnK: [['Q8_0']] }
  const crowded = experts === 8 ? { ...mix, ...attention, ...mix.eight } : mix
  return arch === 'falcon' && !mix.lowest ? { ...crowded, attnOutput: [], ...mix.falcon } : crowded
}

/** Models of 80 layers in which key heads are shared, by the architectures that llama.cpp looks at. */
function inLargeModel(type: string, { arch, layers, heads, kvHeads, experts }: MixFacts): string {
  const large =
    (layers === 80 && (['qwen2', 'deci', 'olmo'].includes(arch) || (arch === 'llama' && heads !== kvHeads))) ||
    (layers === 68 && arch === 'jais2')
  return large && experts !== 8 && (type === 'Q3_K' || type === 'Q4_K') ? 'Q5_K' : type
}

/** Blocks of 256 and the type of 32 that is taken where they do not divide. Others become F16. */
const smaller: Readonly<Record<string, string>> = {
  IQ1_S: 'IQ4_NL',
  IQ1_M: 'IQ4_NL',
  IQ2_XXS: 'IQ4_NL',
  IQ2_XS: 'IQ4_NL',
  IQ2_S: 'IQ4_NL',
  IQ3_XXS: 'IQ4_NL',
  IQ3_S: 'IQ4_NL',
  IQ4_XS: 'IQ4_NL',
  Q2_0: 'Q4_0',
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  TQ1_0: 'Q4_0',
  TQ2_0: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
}

/** The type itself, or the nearest that rows of `width` divide into. */
function fitting(type: string, width: number): string {
  const divides = (name: string) => width % encodingNamed(name).blockSize === 0
  if (divides(type)) return type
  const next = smaller[type]
  return next !== undefined && divides(next) ? next : 'F16'
}

/** Types whose few values cannot be placed without knowing which columns matter. */
const blind: readonly string[] = ['IQ3_XXS', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ1_M', 'IQ1_S']

function needsImportance(mix: Mix, name: string, type: string): boolean {
  if (isEmbedding(name) || name === 'output.weight') return false
  return blind.includes(type) || (mix.baseNeedsImportance === true && type === mix.base)
}

/** What a mix looks at of a GGUF file's keys. Where layers differ, the first speaks for all, as in llama.cpp. */
export function mixFactsOf(metadata: GgufMetadata): MixFacts {
  const arch = stringOf(metadata.get('general.architecture')) ?? ''
  const number = (key: string): number | undefined => {
    const value = metadata.get(`${arch}.${key}`)
    return numberOf(value) ?? numbersOf(value)?.[0]
  }
  const heads = number('attention.head_count') ?? 0
  return {
    arch,
    layers: number('block_count') ?? 0,
    heads,
    kvHeads: number('attention.head_count_kv') ?? heads,
    experts: number('expert_count') ?? 0,
  }
}
