import type { MixFacts, MixTensor } from '../../src/index.ts'

export interface MixModel {
  readonly facts: MixFacts
  readonly tensors: readonly MixTensor[]
}

interface Shape extends MixFacts {
  readonly hidden: number
  readonly inner: number
  readonly fused?: boolean
  readonly untied?: boolean
}

/** Models as the choice of types sees them, each with something that it looks at. */
const shapes: Readonly<Record<string, Shape>> = {
  'llama 8B': {
    arch: 'llama',
    layers: 32,
    heads: 32,
    kvHeads: 8,
    experts: 0,
    hidden: 4096,
    inner: 14336,
    untied: true,
  },
  'llama 70B': {
    arch: 'llama',
    layers: 80,
    heads: 64,
    kvHeads: 8,
    experts: 0,
    hidden: 8192,
    inner: 28672,
    untied: true,
  },
  'SmolLM2 135M': { arch: 'llama', layers: 30, heads: 9, kvHeads: 3, experts: 0, hidden: 576, inner: 1536 },
  'Mixtral 8x7B': {
    arch: 'llama',
    layers: 32,
    heads: 32,
    kvHeads: 8,
    experts: 8,
    hidden: 4096,
    inner: 14336,
    untied: true,
  },
  'falcon 7B': {
    arch: 'falcon',
    layers: 32,
    heads: 71,
    kvHeads: 1,
    experts: 0,
    hidden: 4544,
    inner: 18176,
    fused: true,
  },
  'gpt2 of 100 columns': {
    arch: 'gpt2',
    layers: 12,
    heads: 4,
    kvHeads: 4,
    experts: 0,
    hidden: 100,
    inner: 400,
    fused: true,
  },
}

export const mixModels: Readonly<Record<string, MixModel>> = Object.fromEntries(
  Object.entries(shapes).map(([name, shape]) => [name, { facts: shape, tensors: tensorsOf(shape) }]),
)

function tensorsOf({ layers, experts, hidden, inner, fused = false, untied = false }: Shape): MixTensor[] {
  const outer: MixTensor[] = [
    ...(untied ? [{ name: 'output.weight', shape: [1000, hidden] }] : []),
    { name: 'output_norm.weight', shape: [hidden] },
    ...(fused ? [{ name: 'position_embd.weight', shape: [64, hidden] }] : []),
    { name: 'token_embd.weight', shape: [1000, hidden] },
  ]
  const blocks = Array.from({ length: layers }, (_, layer) => {
    const of = (name: string, ...shape: number[]): MixTensor => ({ name: `blk.${layer}.${name}.weight`, shape })
    const some = experts > 0 ? [experts] : []
    const ending = experts > 0 ? '_exps' : ''
    return [
      ...(fused ? [] : [of('attn_k', hidden, hidden)]),
      of('attn_norm', hidden),
      of('attn_output', hidden, hidden),
      ...(fused ? [of('attn_qkv', 3 * hidden, hidden)] : [of('attn_q', hidden, hidden), of('attn_v', hidden, hidden)]),
      of(`ffn_down${ending}`, ...some, hidden, inner),
      of(`ffn_gate${ending}`, ...some, inner, hidden),
      ...(experts > 0 ? [of('ffn_gate_inp', experts, hidden)] : []),
      of(`ffn_up${ending}`, ...some, inner, hidden),
    ]
  })
  return [...outer, ...blocks.flat()]
}

/** `Q4_K*3 F32`: types in a row, `-` for a tensor that keeps its own. */
export function runs(types: readonly (string | undefined)[]): string {
  const found: [string, number][] = []
  for (const type of types) {
    const last = found.at(-1)
    if (last?.[0] === (type ?? '-')) last[1]++
    else found.push([type ?? '-', 1])
  }
  return found.map(([type, count]) => (count > 1 ? `${type}*${count}` : type)).join(' ')
}
