import type { Json, JsonObject } from '@sinter/model'

/** What tells one LLaMA from another; everything else of its config.json is the same for all of ours. */
export interface LlamaShape {
  readonly vocabulary: number
  readonly hidden: number
  readonly intermediate: number
  readonly blocks: number
  readonly heads: number
  readonly keyValueHeads: number
  readonly headSize: number
}

/** 3.4 million parameters: 4 blocks, 256 wide. */
export const demoShape: LlamaShape = {
  vocabulary: 1024,
  hidden: 256,
  intermediate: 768,
  blocks: 4,
  heads: 4,
  keyValueHeads: 2,
  headSize: 64,
}

/** 0.85 million parameters, a quarter of the demo model's: 4 blocks, 128 wide. */
export const studentShape: LlamaShape = {
  vocabulary: 1024,
  hidden: 128,
  intermediate: 336,
  blocks: 4,
  heads: 4,
  keyValueHeads: 2,
  headSize: 32,
}

/** Numbers of the tokenizer's marks. */
export const PAD = 0
export const BOS = 1
export const END = 2

/** Contents of config.json, tied embeddings, keys in the order of transformers. */
export const configOf = (shape: LlamaShape): JsonObject => ({
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: BOS,
  dtype: 'bfloat16',
  eos_token_id: END,
  head_dim: shape.headSize,
  hidden_act: 'silu',
  hidden_size: shape.hidden,
  initializer_range: 0.02,
  intermediate_size: shape.intermediate,
  max_position_embeddings: 512,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: shape.heads,
  num_hidden_layers: shape.blocks,
  num_key_value_heads: shape.keyValueHeads,
  pad_token_id: PAD,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_theta: 10000, rope_type: 'default' },
  tie_word_embeddings: true,
  use_cache: true,
  vocab_size: shape.vocabulary,
})

/** Contents of generation_config.json. */
export const generationConfig: Readonly<Record<string, Json>> = {
  _from_model_config: true,
  bos_token_id: BOS,
  eos_token_id: END,
  pad_token_id: PAD,
  use_cache: true,
}
