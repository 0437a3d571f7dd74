import { castTo, type DType, f32, groupCount, type Quantized, type Tensor, type Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import type { FolderFormat, Scheme } from './folder-format.ts'
import { packings, packParts } from './hqq-packing.ts'
import { findHqq } from './hqq-read.ts'
import { gridProblem, onGrid, perRow } from './on-grid.ts'
import { oneScheme } from './schemes.ts'

/**
 * HQQ (https://mobiusml.github.io/hqq_blog/): the state of its linear layers, groups along the inputs (`axis` 1). Codes are packed
 * along the groups in parts, first the first half of them, then the second; scales and zero points are floats of their own.
 */
export const hqqFolder: FolderFormat = {
  name: 'hqq',
  title: 'HQQ folder',
  mixed: true,
  cannotHold,
  tensorsOf: weight => tensorsOf(onGrid(weight)!.q),
  schemeOf,
  config: configOf,
  matches: config => config.quant_method === 'hqq',
  find: findHqq,
}

const floats: readonly DType[] = ['f16', 'bf16', 'f32']

function cannotHold(weight: Weight): string | undefined {
  const limits = {
    bits: Object.keys(packings).map(Number),
    scales: floats,
    order: false,
    floatZeros: true,
  }
  const problem = gridProblem(weight, limits)
  if (problem) return problem
  const { q } = onGrid(weight)!
  const groups = q.shape[0] * groupCount(q.shape[1], q.groupSize)
  const { parts, name } = packings[q.bits]!
  return name !== '3bit_32' && groups % parts !== 0
    ? `its ${groups} groups do not divide into ${parts} parts`
    : undefined
}

function tensorsOf(q: Quantized): Record<string, Tensor> {
  const { scales, zeroPoints } = perRow(q)
  const groups = scales.data.length
  const width = Math.min(q.groupSize, q.shape[1])
  const { name, dtype } = packings[q.bits]!
  // Whole numbers of 8 bits are exact in every type that scales have.
  const zeros = q.zeros ?? castTo(f32([groups], Float32Array.from(zeroPoints)), scales.dtype)
  return {
    W_q: packParts(q.codes, groups, width, q.bits),
    scale: { ...scales, shape: [groups, 1] },
    zero: { ...zeros, shape: [groups, 1] },
    shape: { dtype: 'i64', shape: [2], data: BigInt64Array.from(q.shape, BigInt) },
    nbits: int(q.bits),
    group_size: int(width),
    axis: int(1),
    packing: text(name),
    unpack_view_dtype: text(`torch.${dtype === 'i32' ? 'int32' : 'uint8'}`),
    compute_dtype: text('torch.float32'),
    view_as_float: flag(false),
    quant_scale: flag(false),
    quant_zero: flag(false),
    offload_meta: flag(false),
    channel_wise: flag(true),
    optimize: flag(false),
    round_zero: flag(!q.zeros),
    encoded_state_dict: flag(true),
    stores_quant_config: flag(true),
  }
}

const int = (value: number): Tensor => ({ dtype: 'i32', shape: [], data: Int32Array.of(value) })
const flag = (value: boolean): Tensor => ({ dtype: 'u8', shape: [], data: Uint8Array.of(value ? 1 : 0) })

function text(value: string): Tensor {
  const data = new TextEncoder().encode(value)
  return { dtype: 'u8', shape: [data.length], data }
}

function schemeOf(weight: Weight): Scheme {
  const { q } = onGrid(weight)!
  return { nbits: q.bits, group_size: Math.min(q.groupSize, q.shape[1]), axis: 1 }
}

/** One scheme for all, or one for every kind of layer: `self_attn.q_proj`, whatever the block. */
function configOf(held: ReadonlyMap<string, Scheme>, plain: readonly string[]): Config {
  const kinds = new Map<string, Scheme>()
  for (const [kind, schemes] of byKind(held)) kinds.set(kind, oneScheme('hqq', schemes))
  const params = (scheme: Scheme) => ({
    weight_quant_params: { ...scheme, channel_wise: true, optimize: false, round_zero: true, view_as_float: false },
  })
  const schemes = [...kinds.values()]
  const uniform = schemes.every(scheme => JSON.stringify(scheme) === JSON.stringify(schemes[0]))
  return {
    quant_method: 'hqq',
    quant_config: uniform
      ? params(schemes[0] ?? {})
      : Object.fromEntries([...kinds].map(([kind, scheme]) => [kind, params(scheme)])),
    skip_modules: [...plain],
  }
}

function byKind(held: ReadonlyMap<string, Scheme>): ReadonlyMap<string, Map<string, Scheme>> {
  const kinds = new Map<string, Map<string, Scheme>>()
  for (const [stem, scheme] of held) {
    const words = stem.split('.').filter(word => word !== 'model' && word !== 'layers' && !/^\d+$/.test(word))
    const kind = words.join('.')
    kinds.set(kind, (kinds.get(kind) ?? new Map<string, Scheme>()).set(stem, scheme))
  }
  return kinds
}
