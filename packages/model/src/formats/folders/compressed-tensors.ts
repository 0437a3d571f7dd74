import { type DType, dtypes, type FloatGridWeight, type Quantized, type Tensor, type Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { findCompressedTensors } from './compressed-tensors-read.ts'
import { floatForm, floatStrategy, floatTensors } from './float-parts.ts'
import type { FolderFormat, Scheme } from './folder-format.ts'
import { gridProblem, groupSizeOf, onGrid, perRow } from './on-grid.ts'
import { bySchemes } from './schemes.ts'
import { packAlongColumns, packAlongRows } from './words.ts'

/** How matrices of whole numbers are stored: packed with inputs as they are, or a byte each for kernels that round inputs too. */
export type IntForm = 'pack-quantized' | 'int-quantized'

/**
 * compressed-tensors, the format of vLLM's llm-compressor: a scheme for every group of layers, tensors named `weight_packed`,
 * `weight_scale` … Small floats take the form that is theirs.
 */
export function compressedTensorsFolder(form: IntForm): FolderFormat {
  return {
    name: form === 'pack-quantized' ? 'compressed-tensors' : `compressed-tensors:${form}`,
    title: 'compressed-tensors folder for vLLM and transformers',
    mixed: true,
    cannotHold: weight => cannotHold(weight, form),
    tensorsOf: weight => (weight.kind === 'float' ? floatTensors(weight) : intTensors(onGrid(weight)!.q, form)),
    schemeOf: weight => schemeOf(weight, form),
    modelDType: weight => (weight.kind === 'float' ? floatDType(weight) : onGrid(weight)!.q.scales.dtype),
    config: configOf,
    matches: config => config.quant_method === 'compressed-tensors',
    find: findCompressedTensors,
  }
}

/** Scales in 8 bits are not brought into another type. */
function floatDType(weight: Weight): DType | undefined {
  const { dtype } = (weight as FloatGridWeight).grid.scales
  return dtypes[dtype].bytes > 1 ? dtype : undefined
}

/** 3, 5, 6 and 7 bits changed their packing in 0.18: readers older and newer would see different numbers. */
const packedBits = [2, 4, 8]

function cannotHold(weight: Weight, form: IntForm): string | undefined {
  if (weight.kind === 'float') {
    const found = floatForm(weight)
    return typeof found === 'string' ? undefined : found.problem
  }
  const bits = form === 'int-quantized' ? [8] : packedBits
  return gridProblem(weight, { bits, scales: ['f16', 'bf16', 'f32'], order: false })
}

function intTensors(q: Quantized, form: IntForm): Record<string, Tensor> {
  const { scales, zeroPoints } = perRow(q)
  if (form === 'int-quantized')
    return {
      weight: { dtype: 'i8', shape: q.shape, data: signed(q.codes) },
      weight_scale: scales,
      ...(q.zeroPoints && { weight_zero_point: { dtype: 'i8', shape: scales.shape, data: signed(zeroPoints) } }),
    }
  return {
    weight_packed: packAlongColumns(q.codes, q.shape, q.bits),
    weight_scale: scales,
    weight_shape: { dtype: 'i64', shape: [2], data: BigInt64Array.from(q.shape, BigInt) },
    ...(q.zeroPoints && {
      weight_zero_point: packAlongRows(zeroPoints, scales.shape as [number, number], q.bits),
    }),
  }
}

/** Codes 0 … 255 as −128 … 127. */
const signed = (codes: Uint8Array): Int8Array => Int8Array.from(codes, code => code - 128)

function schemeOf(weight: Weight, form: IntForm): Scheme {
  if (weight.kind !== 'float') {
    const { q } = onGrid(weight)!
    const weights = { num_bits: q.bits, type: 'int', symmetric: !q.zeroPoints, ...intStrategy(q) }
    const inputs = { num_bits: 8, type: 'int', symmetric: true, strategy: 'token', dynamic: true }
    return {
      format: form,
      weights: filled(weights),
      input_activations: form === 'int-quantized' ? filled(inputs) : null,
    }
  }
  const { grid } = weight as FloatGridWeight
  const format = floatForm(weight)
  const weights = { num_bits: grid.element === 'e2m1' ? 4 : 8, type: 'float', symmetric: true }
  if (format === 'nvfp4-pack-quantized')
    return plainInputs(format, {
      ...weights,
      strategy: 'tensor_group',
      group_size: 16,
      scale_dtype: 'torch.float8_e4m3fn',
    })
  if (format === 'float-quantized') return plainInputs(format, { ...weights, ...floatStrategy(grid) })
  return plainInputs(format as string, { ...weights, strategy: 'group', group_size: 32, scale_dtype: 'torch.uint8' })
}

const plainInputs = (format: string, weights: Scheme): Scheme => ({
  format,
  weights: filled(weights),
  input_activations: null,
})

function intStrategy(q: Quantized): Scheme {
  const size = groupSizeOf(q)
  return size === -1 ? { strategy: 'channel' } : { strategy: 'group', group_size: size }
}

/** The keys that their writers always have. */
const filled = (args: Scheme): Scheme => ({
  group_size: null,
  block_structure: null,
  dynamic: false,
  actorder: null,
  observer: args.dynamic === true ? null : 'minmax',
  observer_kwargs: {},
  ...args,
})

/** One scheme goes by the class of the layers; several by their names. */
function configOf(held: ReadonlyMap<string, Scheme>, plain: readonly string[]): Config {
  const groups = bySchemes(held)
  const targets = (stems: string[]) => (groups.length === 1 ? ['Linear'] : stems)
  const entry = ({ scheme, stems }: (typeof groups)[number], i: number) =>
    [`group_${i}`, { targets: targets(stems), output_activations: null, ...scheme }] as const
  const formats = new Set(groups.map(({ scheme }) => scheme.format))
  return {
    quant_method: 'compressed-tensors',
    format: formats.size === 1 ? [...formats][0] : formats.size === 0 ? 'dense' : 'mixed-precision',
    quantization_status: 'compressed',
    global_compression_ratio: null,
    kv_cache_scheme: null,
    ignore: [...plain],
    config_groups: Object.fromEntries(groups.map(entry)),
  }
}
