import type { TensorF32 } from '@sinter/tensor-core'
import type { LayerGroup, Statistics, TransformBlock } from '../method.ts'
import { attendRows, linearRows, type Rows, rmsNormRows, rotateRows, rowCount, zipRows } from './tiny-block-math.ts'

export interface TinyBlockSpec {
  /** Stored tensors under LLaMA's names, `self_attn.q_proj.weight`; biases where there are any. */
  readonly tensors: Readonly<Record<string, TensorF32>>
  /** Input `[sequences · tokens, hidden]`. */
  readonly x: Float64Array
  readonly sequences: number
  readonly heads: number
  readonly kvHeads: number
  /** 1: the norms multiply by 1 + w. */
  readonly normOffset?: 0 | 1
}

/** A decoder block that a transform can be tried on, in plain f64 loops that share nothing with the backends. */
export interface TinyBlock extends TransformBlock {
  /** What the block gives now, f64 `[tokens, hidden]`. */
  output(): Float64Array
}

type Replacements = ReadonlyMap<string, TensorF32>

const epsilon = 1e-6

export function tinyBlock(spec: TinyBlockSpec): TinyBlock {
  const stored = new Map(Object.entries(spec.tensors))
  const groups = groupsOf(spec)
  const none: Replacements = new Map()
  return {
    groups,
    statistics: group => statisticsOf(inputsOf(spec, stored, group), spec.sequences),
    tensor(name) {
      const tensor = stored.get(name)
      if (!tensor) throw new TypeError(`block has no tensor "${name}"; it has ${[...stored.keys()].join(', ')}`)
      return tensor
    },
    replace: (name, tensor) => void stored.set(name, tensor),
    async moduleOutput(group, replacements) {
      const { width, data } = moduleOf(spec, stored, group, replacements)
      return { dtype: 'f32', shape: [data.length / width, width], data: Float32Array.from(data) }
    },
    output: () => forward(spec, stored, none).y.data,
  }
}

function groupsOf({ tensors, heads, kvHeads, normOffset = 0 }: TinyBlockSpec): LayerGroup[] {
  const [attention, hidden] = tensors['self_attn.q_proj.weight']!.shape as [number, number]
  const wide = tensors['mlp.up_proj.weight']!.shape[0]!
  const norm = (weight: string) => ({ kind: 'norm', weight, offset: normOffset }) as const
  const headDim = attention / heads
  const vBias = tensors['self_attn.v_proj.bias'] ? { bias: 'self_attn.v_proj.bias' } : {}
  return [
    {
      linears: ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj'],
      width: hidden,
      producer: norm('input_layernorm.weight'),
    },
    {
      linears: ['self_attn.o_proj'],
      width: attention,
      producer: {
        kind: 'linear',
        weight: 'self_attn.v_proj.weight',
        ...vBias,
        start: 0,
        channels: kvHeads * headDim,
        ...(kvHeads !== heads && { heads: { heads, kvHeads, headDim } }),
      },
    },
    { linears: ['mlp.gate_proj', 'mlp.up_proj'], width: hidden, producer: norm('post_attention_layernorm.weight') },
    {
      linears: ['mlp.down_proj'],
      width: wide,
      producer: { kind: 'linear', weight: 'mlp.up_proj.weight', start: 0, channels: wide },
    },
  ]
}

interface Steps {
  readonly [part: string]: Rows
  readonly y: Rows
}

/** Every intermediate of the block, by the name of the linear that reads it. */
function forward(spec: TinyBlockSpec, stored: Replacements, replaced: Replacements): Steps {
  const hidden = spec.tensors['input_layernorm.weight']!.data.length
  const x: Rows = { width: hidden, data: spec.x }
  const normed = rmsNormRows(x, stored.get('input_layernorm.weight')!.data, spec.normOffset ?? 0, epsilon)
  const { mix, out } = attention(spec, stored, replaced, normed)
  const middle = zipRows(x, out, (a, b) => a + b)
  const weight = stored.get('post_attention_layernorm.weight')!.data
  const normed2 = rmsNormRows(middle, weight, spec.normOffset ?? 0, epsilon)
  const { act, down } = mlp(stored, replaced, normed2)
  const y = zipRows(middle, down, (a, b) => a + b)
  return {
    'self_attn.q_proj': normed,
    'self_attn.o_proj': mix,
    'mlp.gate_proj': normed2,
    'mlp.down_proj': act,
    y,
  }
}

function project(stored: Replacements, replaced: Replacements, name: string, x: Rows): Rows {
  const weight = replaced.get(`${name}.weight`) ?? stored.get(`${name}.weight`)!
  return linearRows(x, weight.data, weight.shape[0]!, stored.get(`${name}.bias`)?.data)
}

function attention(
  spec: TinyBlockSpec,
  stored: Replacements,
  replaced: Replacements,
  normed: Rows,
): { mix: Rows; out: Rows } {
  const tokens = rowCount(normed) / spec.sequences
  const q = project(stored, replaced, 'self_attn.q_proj', normed)
  const k = project(stored, replaced, 'self_attn.k_proj', normed)
  const v = project(stored, replaced, 'self_attn.v_proj', normed)
  const headDim = q.width / spec.heads
  const mix = attendRows(rotateRows(q, headDim, tokens), rotateRows(k, headDim, tokens), v, headDim, tokens)
  return { mix, out: project(stored, replaced, 'self_attn.o_proj', mix) }
}

function mlp(stored: Replacements, replaced: Replacements, normed: Rows): { act: Rows; down: Rows } {
  const gate = project(stored, replaced, 'mlp.gate_proj', normed)
  const up = project(stored, replaced, 'mlp.up_proj', normed)
  const act = zipRows(gate, up, (g, u) => (g / (1 + Math.exp(-g))) * u)
  return { act, down: project(stored, replaced, 'mlp.down_proj', act) }
}

const inputsOf = (spec: TinyBlockSpec, stored: Replacements, group: LayerGroup): Rows =>
  forward(spec, stored, new Map())[group.linears[0]!]!

function moduleOf(spec: TinyBlockSpec, stored: Replacements, group: LayerGroup, replaced: Replacements): Rows {
  const first = group.linears[0]!
  const input = inputsOf(spec, stored, group)
  if (first === 'self_attn.q_proj') return attention(spec, stored, replaced, input).out
  if (first === 'mlp.gate_proj') return mlp(stored, replaced, input).down
  return project(stored, replaced, first, input)
}

/** All statistics of rows `[tokens, width]`; every row is a sample. */
export function statisticsOf(
  { width, data }: Rows,
  sequences: number,
): Statistics & Required<Pick<Statistics, 'gram' | 'sumSquares' | 'sumAbs'>> {
  const gram = new Float64Array(width * width)
  const sumAbs = new Float64Array(width)
  const maxAbs = new Float64Array(width)
  for (let from = 0; from < data.length; from += width)
    for (let i = 0; i < width; i++) {
      const value = data[from + i]!
      sumAbs[i]! += Math.abs(value)
      maxAbs[i] = Math.max(maxAbs[i]!, Math.abs(value))
      for (let j = 0; j < width; j++) gram[i * width + j]! += value * data[from + j]!
    }
  const sumSquares = Float64Array.from({ length: width }, (_, i) => gram[i * (width + 1)]!)
  const tokens = data.length / width
  const samples: TensorF32 = { dtype: 'f32', shape: [tokens, width], data: Float32Array.from(data) }
  return { tokens, sequences, gram, sumSquares, sumAbs, maxAbs, samples }
}
