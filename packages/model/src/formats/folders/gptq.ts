import { castTo, type Tensor, type Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import type { TensorSource } from '../source.ts'
import { transposed, turned } from '../transposed.ts'
import type { FolderFormat, FoundMatrix, Scheme } from './folder-format.ts'
import { type Layer, layerError, layersWith, partNames, partOf, readPart } from './found.ts'
import {
  codesInOrder,
  codesInPlace,
  fullGroups,
  gridProblem,
  gridWeight,
  groupIndex,
  groupSizeOf,
  onGrid,
  orderOfGroups,
  perRow,
} from './on-grid.ts'
import { packAlongColumns, unpackAlongColumns, unpackAlongRows } from './words.ts'

/** Versions of the layout: the first stores zero points less one, the second as they are. */
export type GptqVersion = 1 | 2

const versionNames = { 1: 'gptq', 2: 'gptq_v2' } as const

const suffixes = ['qweight', 'qzeros', 'scales', 'g_idx']

/**
 * GPTQ (arXiv:2210.17323) as AutoGPTQ and GPTQModel store it: codes of the inputs and of the zero points in 32-bit words, f16 scales
 * `[groups, out]`, and the group of every input (`g_idx`).
 */
export function gptqFolder(version: GptqVersion): FolderFormat {
  return {
    name: version === 1 ? 'gptq' : 'gptq:v2',
    title: `GPTQ folder${version === 1 ? '' : ' with zero points as they are (GPTQModel)'}`,
    mixed: true,
    cannotHold: weight => cannotHold(weight, version),
    tensorsOf: weight => tensorsOf(weight, version),
    schemeOf,
    modelDType: () => 'f16',
    config: (held, plain) => configOf(held, plain, version),
    matches: config => config.quant_method === 'gptq',
    find: (config, source) => Promise.resolve(find(config, source)),
  }
}

function cannotHold(weight: Weight, version: GptqVersion): string | undefined {
  const problem = gridProblem(weight, { bits: [2, 3, 4, 8], scales: ['f16'], order: true })
  if (problem) return problem
  const { q } = onGrid(weight)!
  const [out, width] = q.shape
  if ((out * q.bits) % 32 !== 0 || (width * q.bits) % 32 !== 0)
    return `${q.bits}-bit codes of its ${out} × ${width} values do not fill 32-bit words`
  if (version === 1 && q.zeroPoints?.includes(0)) return 'a zero point of 0 has no place in version 1; use gptq:v2'
  return undefined
}

function tensorsOf(weight: Weight, version: GptqVersion): Record<string, Tensor> {
  const found = onGrid(weight)!
  const { q } = found
  const [out, width] = q.shape
  const { zeroPoints, scales } = perRow(q)
  const groups = scales.shape[1]!
  const stored = version === 1 ? zeroPoints.map(zero => zero - 1) : zeroPoints
  const words = packAlongColumns(codesInPlace(found), [out, width], q.bits)
  const per = words.shape[1]!
  return {
    qweight: { dtype: 'i32', shape: [per, out], data: transposed(words.data as Int32Array, [out, per]) },
    qzeros: packAlongColumns(transposed(stored, [out, groups]), [groups, out], q.bits),
    scales: turned(castTo(scales, 'f16')),
    g_idx: groupIndex(q, found.order),
  }
}

function schemeOf(weight: Weight): Scheme {
  const { q, order } = onGrid(weight)!
  return { bits: q.bits, group_size: groupSizeOf(q), sym: !q.zeroPoints, desc_act: order !== undefined }
}

/** What most layers have, with the others by name. */
function configOf(held: ReadonlyMap<string, Scheme>, plain: readonly string[], version: GptqVersion): Config {
  const schemes = [...held.values()]
  const common = { ...schemes[0] }
  const dynamic: Record<string, Scheme> = {}
  // Only what lies in a block is looked at.
  for (const stem of plain) if (/\.\d+\./.test(stem)) dynamic[`-:${exactly(stem)}`] = {}
  for (const [stem, scheme] of held)
    if (JSON.stringify(scheme) !== JSON.stringify(common)) dynamic[`+:${exactly(stem)}`] = scheme
  return {
    quant_method: 'gptq',
    ...common,
    desc_act: schemes.some(scheme => scheme.desc_act === true),
    sym: schemes.every(scheme => scheme.sym === true),
    checkpoint_format: versionNames[version],
    lm_head: held.has('lm_head'),
    pack_dtype: 'int32',
    ...(Object.keys(dynamic).length > 0 && { dynamic }),
  }
}

const exactly = (name: string): string => `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`

function find(config: Config, source: TensorSource): FoundMatrix[] {
  const format = config.checkpoint_format ?? config.format ?? 'gptq'
  if (format !== 'gptq' && format !== 'gptq_v2')
    throw new FormatError(
      'unsupported',
      `quantization_config.checkpoint_format: expected gptq or gptq_v2, got ${JSON.stringify(format)}`,
    )
  const version = format === 'gptq' ? 1 : 2
  return layersWith(source, 'qweight', suffixes).map(layer => foundIn(layer, config, version, source))
}

interface Facts {
  readonly shape: readonly [number, number]
  readonly bits: number
  readonly groups: number
  readonly groupSize: number
}

function foundIn(layer: Layer, config: Config, version: GptqVersion, source: TensorSource): FoundMatrix {
  const facts = factsOf(layer, config)
  return {
    name: `${layer.stem}.weight`,
    shape: facts.shape,
    encoding: `GPTQ ${facts.bits}-bit`,
    parts: partNames(layer),
    read: () => read(layer, facts, version, source),
  }
}

/** Bits from the shapes, which every layer has of its own. */
function factsOf(layer: Layer, config: Config): Facts {
  const [words, out] = partOf(layer, 'qweight', ['i32'], [-1, -1]).shape as [number, number]
  const [groups] = partOf(layer, 'scales', ['f16', 'bf16', 'f32'], [-1, out]).shape as [number]
  const bits = (32 * partOf(layer, 'qzeros', ['i32'], [groups, -1]).shape[1]!) / out
  if (![2, 3, 4, 8].includes(bits))
    throw layerError(layer, `qzeros of ${bits.toFixed(2)} bits for each of ${out} outputs; 2, 3, 4 and 8 are read`)
  const width = (words * 32) / bits
  if (!Number.isInteger(width) || groups < 1 || groups > width)
    throw layerError(layer, `${words} words of ${bits}-bit codes and ${groups} groups do not fit together`, 'size')
  if (layer.parts.has('g_idx')) partOf(layer, 'g_idx', ['i32', 'i64'], [width])
  return { shape: [out, width], bits, groups, groupSize: groupSizeIn(layer, config, width, groups) }
}

/** The config's, when it gives that many groups; then only the last may be shorter. Otherwise they are equal. */
export function groupSizeIn(layer: Layer, config: Config, width: number, groups: number): number {
  const named = config.group_size
  if (groups === 1) return width
  if (typeof named === 'number' && Number.isInteger(named) && named > 0 && Math.ceil(width / named) === groups)
    return named
  if (width % groups !== 0)
    throw layerError(
      layer,
      `${groups} groups do not divide its ${width} inputs, and group_size is ${String(named)}`,
      'size',
    )
  return width / groups
}

async function read(layer: Layer, facts: Facts, version: GptqVersion, source: TensorSource): Promise<Weight> {
  const { shape, bits, groups, groupSize } = facts
  const [out, width] = shape
  const ints = async (suffix: string) => (await readPart(source, layer, suffix)).data as Int32Array
  const order = layer.parts.has('g_idx') ? orderIn(layer, await readPart(source, layer, 'g_idx'), groupSize) : undefined
  const codes = unpackAlongRows(await ints('qweight'), [width, out], bits)
  const stored = transposed(unpackAlongColumns(await ints('qzeros'), [groups, out], bits), [groups, out])
  // Readers take the sum modulo the largest code too.
  const zeros = version === 1 ? stored.map(zero => (zero + 1) & (2 ** bits - 1)) : stored
  const scales = turned(await readPart(source, layer, 'scales'))
  return gridWeight({ shape, bits, groupSize, codes: codesInOrder(codes, order), scales }, zeros, order)
}

/** @throws FormatError `schema` when the groups have other numbers of columns than the shapes say */
export function orderIn(layer: Layer, groupIndex: Tensor, groupSize: number): Int32Array | undefined {
  const groupOf = Int32Array.from(groupIndex.data as Int32Array, Number)
  const order = orderOfGroups(groupOf, groupSize)
  if (order && !fullGroups(groupOf, order, groupSize))
    throw layerError(layer, `its column groups do not have ${groupSize} columns each`)
  return order
}
