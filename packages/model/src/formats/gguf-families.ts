import { FormatError } from './format-error.ts'

/** What llama.cpp calls a family, and how its tensors are named and stored there. */
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
  /** llama.cpp rotates neighbours (i, i+1) here, Hugging Face halves (i, i + d/2): rows of q and k change places. */
  readonly interleavedRope: boolean
  /** Gemma stores norm weights as w and computes with 1 + w; llama.cpp wants them added. */
  readonly normOffset: 0 | 1
  /** GPT-2's Conv1D keeps matrices as [in, out]. */
  readonly transposed: readonly string[]
  /** GPT-NeoX keeps q, k and v interleaved by head. */
  readonly headwiseQkv: boolean
  /** llama.cpp refuses a file without `output.weight`, so a tied embedding is written twice. */
  readonly needsOutput: boolean
  /** The arch that computes the same with sizes of their own for its blocks. */
  readonly unevenArch?: string | undefined
}

type Names = readonly (readonly [hf: string, gguf: string])[]

const root: Names = [
  ['model.embed_tokens', 'token_embd'],
  ['model.norm', 'output_norm'],
  ['lm_head', 'output'],
]
const attention: Names = [
  ['self_attn.q_proj', 'attn_q'],
  ['self_attn.k_proj', 'attn_k'],
  ['self_attn.v_proj', 'attn_v'],
  ['self_attn.o_proj', 'attn_output'],
]
const qkNorms: Names = [
  ['self_attn.q_norm', 'attn_q_norm'],
  ['self_attn.k_norm', 'attn_k_norm'],
]
const mlp: Names = [
  ['mlp.gate_proj', 'ffn_gate'],
  ['mlp.up_proj', 'ffn_up'],
  ['mlp.down_proj', 'ffn_down'],
]
const preNorms: Names = [
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'ffn_norm'],
]
const gemmaNorms: Names = [
  ['input_layernorm', 'attn_norm'],
  ['post_attention_layernorm', 'post_attention_norm'],
  ['pre_feedforward_layernorm', 'ffn_norm'],
  ['post_feedforward_layernorm', 'post_ffw_norm'],
]

const llama: GgufFamily = {
  arch: 'llama',
  modelTypes: ['llama', 'mistral'],
  architecture: 'LlamaForCausalLM',
  root,
  block: [...preNorms, ...attention, ...mlp],
  layers: 'model.layers.',
  interleavedRope: true,
  normOffset: 0,
  transposed: [],
  headwiseQkv: false,
  needsOutput: false,
  unevenArch: 'deci',
}
/** LLaMA whose blocks have numbers of heads and widths of their own, as pruning leaves them. */
const deci: GgufFamily = { ...llama, arch: 'deci' }
const qwen2: GgufFamily = {
  ...llama,
  arch: 'qwen2',
  modelTypes: ['qwen2'],
  architecture: 'Qwen2ForCausalLM',
  interleavedRope: false,
  unevenArch: undefined,
}

/** One row a family of llama.cpp. */
export const ggufFamilies: readonly GgufFamily[] = [
  llama,
  deci,
  qwen2,
  {
    ...qwen2,
    arch: 'qwen3',
    modelTypes: ['qwen3'],
    architecture: 'Qwen3ForCausalLM',
    block: [...qwen2.block, ...qkNorms],
  },
  {
    ...qwen2,
    arch: 'gemma2',
    modelTypes: ['gemma2'],
    architecture: 'Gemma2ForCausalLM',
    block: [...gemmaNorms, ...attention, ...mlp],
    normOffset: 1,
  },
  {
    ...qwen2,
    arch: 'gemma3',
    modelTypes: ['gemma3_text', 'gemma3'],
    architecture: 'Gemma3ForCausalLM',
    block: [...gemmaNorms, ...attention, ...qkNorms, ...mlp],
    normOffset: 1,
  },
  {
    ...qwen2,
    arch: 'phi3',
    modelTypes: ['phi3'],
    architecture: 'Phi3ForCausalLM',
    block: [
      ...preNorms,
      ['self_attn.qkv_proj', 'attn_qkv'],
      ['self_attn.o_proj', 'attn_output'],
      ['mlp.gate_up_proj', 'ffn_up'],
      ['mlp.down_proj', 'ffn_down'],
    ],
  },
  { ...llama, arch: 'smollm3', unevenArch: undefined, modelTypes: ['smollm3'], architecture: 'SmolLM3ForCausalLM' },
  {
    ...qwen2,
    arch: 'olmo2',
    modelTypes: ['olmo2'],
    architecture: 'Olmo2ForCausalLM',
    block: [
      ['post_attention_layernorm', 'post_attention_norm'],
      ['post_feedforward_layernorm', 'post_ffw_norm'],
      ...attention,
      ...qkNorms,
      ...mlp,
    ],
    needsOutput: true,
  },
  { ...llama, arch: 'granite', unevenArch: undefined, modelTypes: ['granite'], architecture: 'GraniteForCausalLM' },
  {
    ...qwen2,
    arch: 'gpt2',
    modelTypes: ['gpt2'],
    architecture: 'GPT2LMHeadModel',
    root: [
      ['transformer.wte', 'token_embd'],
      ['transformer.wpe', 'position_embd'],
      ['transformer.ln_f', 'output_norm'],
      ['lm_head', 'output'],
    ],
    block: [
      ['ln_1', 'attn_norm'],
      ['attn.c_attn', 'attn_qkv'],
      ['attn.c_proj', 'attn_output'],
      ['ln_2', 'ffn_norm'],
      ['mlp.c_fc', 'ffn_up'],
      ['mlp.c_proj', 'ffn_down'],
    ],
    layers: 'transformer.h.',
    transposed: ['attn.c_attn', 'attn.c_proj', 'mlp.c_fc', 'mlp.c_proj'],
  },
  {
    ...qwen2,
    arch: 'gptneox',
    modelTypes: ['gpt_neox'],
    architecture: 'GPTNeoXForCausalLM',
    root: [
      ['gpt_neox.embed_in', 'token_embd'],
      ['gpt_neox.final_layer_norm', 'output_norm'],
      ['embed_out', 'output'],
    ],
    block: [
      ['input_layernorm', 'attn_norm'],
      ['attention.query_key_value', 'attn_qkv'],
      ['attention.dense', 'attn_output'],
      ['post_attention_layernorm', 'ffn_norm'],
      ['mlp.dense_h_to_4h', 'ffn_up'],
      ['mlp.dense_4h_to_h', 'ffn_down'],
    ],
    layers: 'gpt_neox.layers.',
    headwiseQkv: true,
    needsOutput: true,
  },
]

/**
 * The family that llama.cpp runs a `model_type` with.
 * @param uneven whether blocks have sizes of their own
 * @throws FormatError `unsupported`
 */
export function ggufFamilyOf(modelType: unknown, uneven = false): GgufFamily {
  const family = ggufFamilies.find(({ modelTypes }) => modelTypes.includes(String(modelType)))
  if (family) return uneven ? unevenFamily(family) : family
  const known = [...new Set(ggufFamilies.flatMap(({ modelTypes }) => modelTypes))].join(', ')
  throw new FormatError(
    'unsupported',
    `GGUF has no place for a model of type ${JSON.stringify(modelType)}; it can be written for ${known}. Use --format hf`,
  )
}

function unevenFamily(family: GgufFamily): GgufFamily {
  if (family.unevenArch !== undefined) return ggufFamilyOfArch(family.unevenArch)
  const able = ggufFamilies.filter(({ unevenArch }) => unevenArch !== undefined).flatMap(({ modelTypes }) => modelTypes)
  throw new FormatError(
    'unsupported',
    `llama.cpp's ${family.arch} has blocks of one size; of several sizes it runs ${[...new Set(able)].join(', ')}. Use --format hf`,
  )
}

/** The family of a GGUF file. @throws FormatError `unsupported` */
export function ggufFamilyOfArch(arch: unknown): GgufFamily {
  const family = ggufFamilies.find(candidate => candidate.arch === arch)
  if (family) return family
  const known = ggufFamilies.map(candidate => candidate.arch).join(', ')
  throw new FormatError('unsupported', `GGUF architecture ${JSON.stringify(arch)} is not known here; known: ${known}`)
}
