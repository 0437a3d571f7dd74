import type { MixTensor } from './gguf-mixes.ts'

/** Parts of names of matrices that are small, or that decide: routers, convolutions, tables of positions. */
const keptParts: readonly string[] = [
  '_norm.weight',
  'ffn_gate_inp.weight',
  'ffn_gate_tid2eid.weight',
  'altup',
  'laurel',
  'per_layer_model_proj',
  'ssm_conv1d',
  'shortconv.conv.weight',
  'indexer.k_proj.weight',
  'indexer.q_proj.weight',
  ...[
    'first',
    'w0',
    'w1',
    'w2',
    'v0',
    'v1',
    'v2',
    'a0',
    'a1',
    'a2',
    'g1',
    'g2',
    'decay_w1',
    'decay_w2',
    'lerp_fused',
  ].map(part => `time_mix_${part}.weight`),
  'attn_rel_b.weight',
  '.position_embd',
  'sam.pos_embd',
  'sam.neck.',
  'sam.net_',
  '.rel_pos',
  '.patch_embd',
  '.patch_merger',
  'a.rvq.codebook',
  'mm.a.code_embd',
]

const keptNames: readonly string[] = ['position_embd.weight', 'token_types.weight']

/** Whether llama.cpp quantizes a tensor at all: matrices, whose names end in `weight`, but for those above. */
export function isQuantized({ name, shape }: MixTensor): boolean {
  // ggml counts axes without the outer ones of 1: a matrix of one row is a vector.
  const isMatrix = shape.slice(0, -1).some(dim => dim > 1)
  if (!isMatrix || !name.endsWith('weight')) return false
  return !keptNames.includes(name) && !keptParts.some(part => name.includes(part))
}
