/** What is known of a model beside its tensors. */
export interface MixFacts {
  /** `general.architecture` */
  readonly arch: string
  /** `block_count` */
  readonly layers: number
  /** Of the first layer, where layers differ. */
  readonly heads: number
  readonly kvHeads: number
  /** Experts of a layer, 0 without. */
  readonly experts: number
}

/** Where a tensor stands among those of its kind. */
export interface MixPlace {
  readonly facts: MixFacts
  /** Whether there is an importance matrix. */
  readonly importance: boolean
  /** How many of the kind came before, in the order of layers and names, and how many there are. */
  readonly index: number
  readonly count: number
  /** The layer: of the tensor's name in a model of experts, else `index`. */
  readonly layer: number
  readonly layers: number
}

export type Condition = (place: MixPlace) => boolean

/** The first whose condition holds is taken; without any, the mix's base. */
export type Choice = readonly [type: string, when?: Condition]

/** By what a tensor does. attn_v stands for fused ones too: `attn_qkv`, `attn_kv_b`. */
export type Category = 'attnV' | 'attnK' | 'attnQ' | 'attnOutput' | 'ffnDown' | 'ffnGate' | 'ffnUp'

export type Choices = { readonly [C in Category]?: readonly Choice[] }

/** What one of llama.cpp's presets makes of a model: rows say where another type than `base` is taken. */
export interface Mix extends Choices {
  /** `general.file_type`, `llama_ftype` of llama.h. */
  readonly fileType: number
  readonly base: string
  /** The output matrix, or the token embedding that serves as one. Default: Q6_K. */
  readonly output?: string
  /** The token embedding beside an output matrix. */
  readonly embedding?: string
  /** Instead of the rows above, with exactly 8 experts: Q8_0 for attn_v and attn_k unless they are named. */
  readonly eight?: Choices
  /** Falcon's own rows. */
  readonly falcon?: Choices
  /** The presets of less than 3 bits: they take no notice of Falcon, nor of the 70B models whose attn_v eight heads share. */
  readonly lowest?: true
  /** `base` is for the matrices of experts alone; this is for all others. */
  readonly beside?: string
  /** Every matrix of a block that gets the base type needs importance, which the type itself would do without. */
  readonly baseNeedsImportance?: true
}

// Conditions. Whole divisions, as in C.
const eighth: Condition = ({ layer, layers }) => layer < Math.floor(layers / 8)
const sixteenth: Condition = ({ layer, layers }) => layer < Math.floor(layers / 16)
/** By the tensors seen so far, not by the layer: they differ where a block has several. */
const firstEighth: Condition = ({ index, layers }) => index < Math.floor(layers / 8)
const middle: Condition = at => !eighth(at) && at.layer < Math.floor((7 * at.layers) / 8)
/** The first and last eighth, and every third between: where rounding was seen to hurt most. */
const more = (i: number, n: number): boolean =>
  i < Math.floor(n / 8) || i >= Math.floor((7 * n) / 8) || (i - Math.floor(n / 8)) % 3 === 2
const moreBits: Condition = ({ layer, layers }) => more(layer, layers)
const moreBitsV: Condition = ({ index, count }) => more(index, count)
const first2: Condition = ({ index }) => index < 2
const first4: Condition = ({ index }) => index < 4
/** Four or more query heads share a key head: attn_v is small, and all of them suffer from it. */
const shared: Condition = ({ facts: { heads, kvHeads } }) => kvHeads > 0 && Math.floor(heads / kvHeads) >= 4
const sharedOrExperts: Condition = at => shared(at) || at.facts.experts >= 4
const weighed: Condition = ({ importance }) => importance
const unweighed: Condition = at => !at.importance
const both =
  (a: Condition, b: Condition): Condition =>
  at =>
    a(at) && b(at)
const eightExperts: Condition = ({ facts }) => facts.experts === 8

const fallsTo = (type: string): Choices => ({ attnOutput: [[type]] })
/** For 8 experts, whose attention is a small part of the model. */
const wideOutput = fallsTo('Q5_K')

const plain = (fileType: number, base: string): Mix => ({ fileType, base })
const iq4 = (fileType: number, base: string): Mix => ({
  ...plain(fileType, base),
  attnV: [['Q5_K', shared]],
  ffnDown: [['Q5_K', both(eighth, unweighed)]],
  eight: wideOutput,
})
/** Less than 3 bits. @param better what the sensitive matrices get */
const lowest = (fileType: number, base: string, better: string, embedding: string, attnOutput?: string): Mix => ({
  ...plain(fileType, base),
  lowest: true,
  output: 'Q5_K',
  embedding,
  attnV: [['Q4_K', sharedOrExperts], [better]],
  ffnDown: [[better, firstEighth]],
  ...(attnOutput !== undefined && { attnOutput: [[attnOutput]] }),
  eight: { attnK: [['Q4_K']], attnOutput: [['Q5_K']] },
})

/** The presets of llama.cpp v0.5.0 (`llama_tensor_get_type_impl` of llama-quant.cpp), one row each. */
export const ggufMixes: Readonly<Record<string, Mix>> = {
  F32: plain(0, 'F32'),
  F16: plain(1, 'F16'),
  BF16: plain(32, 'BF16'),
  Q8_0: { ...plain(7, 'Q8_0'), output: 'Q8_0' },
  Q4_0: { ...plain(2, 'Q4_0'), ffnDown: [['Q4_1', both(eighth, weighed)]] },
  Q4_1: plain(3, 'Q4_1'),
  Q5_0: { ...plain(8, 'Q5_0'), ffnDown: [['Q5_1', both(eighth, weighed)]] },
  Q5_1: plain(9, 'Q5_1'),
  Q1_0: plain(40, 'Q1_0'),
  Q2_0: { ...plain(41, 'Q2_0'), embedding: 'Q4_K' },
  Q2_K: {
    ...plain(10, 'Q2_K'),
    attnV: [['Q4_K', shared], ['Q3_K']],
    ffnDown: [['Q3_K']],
    ...fallsTo('Q3_K'),
    eight: wideOutput,
  },
  Q2_K_S: {
    ...plain(21, 'Q2_K'),
    attnV: [['Q4_K', shared]],
    ffnDown: [['Q4_K', eighth]],
    baseNeedsImportance: true,
  },
  Q3_K_S: { ...plain(11, 'Q3_K'), eight: wideOutput },
  Q3_K_M: {
    ...plain(12, 'Q3_K'),
    attnV: [['Q5_K', first2], ['Q4_K']],
    ffnDown: [['Q5_K', sixteenth], ['Q4_K']],
    ...fallsTo('Q4_K'),
    eight: wideOutput,
    falcon: {
      ffnDown: [
        ['Q5_K', sixteenth],
        ['Q4_K', moreBits],
      ],
    },
  },
  Q3_K_L: {
    ...plain(13, 'Q3_K'),
    attnV: [['Q5_K']],
    ffnDown: [['Q5_K']],
    ...fallsTo('Q5_K'),
    eight: { attnOutput: [] },
    falcon: { ffnDown: [['Q4_K']], attnOutput: [['Q4_K']] },
  },
  Q4_K_S: {
    ...plain(14, 'Q4_K'),
    attnV: [['Q5_K', first4]],
    ffnDown: [['Q5_K', eighth]],
    eight: wideOutput,
    falcon: { ffnDown: [] },
  },
  Q4_K_M: {
    ...plain(15, 'Q4_K'),
    attnV: [['Q6_K', moreBitsV]],
    ffnDown: [['Q6_K', moreBits]],
    eight: wideOutput,
    falcon: {
      ffnDown: [
        ['Q6_K', sixteenth],
        ['Q5_K', moreBits],
      ],
    },
  },
  Q5_K_S: plain(16, 'Q5_K'),
  Q5_K_M: { ...plain(17, 'Q5_K'), attnV: [['Q6_K', moreBitsV]], ffnDown: [['Q6_K', moreBits]] },
  Q6_K: plain(18, 'Q6_K'),
  IQ4_NL: iq4(25, 'IQ4_NL'),
  IQ4_XS: iq4(30, 'IQ4_XS'),
  IQ3_XXS: {
    ...plain(23, 'IQ3_XXS'),
    output: 'Q5_K',
    embedding: 'IQ3_S',
    attnV: [
      ['Q4_K', shared],
      ['IQ3_S', unweighed],
    ],
    attnK: [['IQ2_S']],
    attnQ: [['IQ2_S']],
    ffnDown: [
      ['Q4_K', both(eighth, unweighed)],
      ['Q3_K', unweighed],
    ],
    ...fallsTo('IQ3_S'),
    eight: wideOutput,
  },
  IQ3_XS: {
    ...plain(22, 'IQ3_S'),
    attnV: [['Q4_K', shared]],
    attnK: [['IQ3_XXS']],
    attnQ: [['IQ3_XXS']],
    ffnGate: [['IQ3_XXS', middle]],
    ffnUp: [['IQ3_XXS', middle]],
    eight: wideOutput,
  },
  IQ3_S: { ...plain(26, 'IQ3_S'), attnV: [['Q4_K', shared]], eight: wideOutput },
  IQ3_M: {
    ...plain(27, 'IQ3_S'),
    attnV: [['Q4_K']],
    ffnDown: [
      ['Q4_K', eighth],
      ['Q4_K', both(eightExperts, moreBits)],
    ],
    ...fallsTo('Q4_K'),
    eight: wideOutput,
  },
  IQ2_XXS: lowest(19, 'IQ2_XXS', 'Q2_K', 'Q2_K'),
  IQ2_XS: lowest(20, 'IQ2_XS', 'Q2_K', 'Q2_K'),
  IQ2_S: lowest(28, 'IQ2_XS', 'IQ3_S', 'IQ3_S', 'IQ3_S'),
  IQ2_M: lowest(29, 'IQ2_S', 'IQ3_S', 'IQ3_S', 'IQ3_S'),
  IQ1_S: lowest(24, 'IQ1_S', 'Q2_K', 'Q2_K', 'IQ2_XXS'),
  IQ1_M: lowest(31, 'IQ1_M', 'Q2_K', 'Q2_K', 'IQ2_XXS'),
  TQ1_0: { ...plain(36, 'TQ1_0'), embedding: 'Q4_K' },
  TQ2_0: { ...plain(37, 'TQ2_0'), embedding: 'Q4_K' },
  MXFP4_MOE: { ...plain(38, 'MXFP4'), beside: 'Q8_0' },
}

/** Names that llama-quantize takes for others. */
export const mixAliases: Readonly<Record<string, string>> = { Q3_K: 'Q3_K_M', Q4_K: 'Q4_K_M', Q5_K: 'Q5_K_M' }
