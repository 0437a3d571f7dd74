import {
  f32,
  quantizedWeight,
  type ScaledWeight,
  scaledWeight,
  type Tensor,
  toF32,
  type Weight,
} from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import type { TensorSource } from '../source.ts'
import { isBitsandbytes } from './bitsandbytes.ts'
import type { FolderFormat, FoundMatrix } from './folder-format.ts'
import { type Layer, layerError, layersWith, partNames, partOf, readPart } from './found.ts'
import { groupSizeOf, onGrid } from './on-grid.ts'

const suffixes = ['weight', 'SCB', 'weight_format']

/** bitsandbytes multiplies codes with the largest |w| of the row, and the product with this. */
const UNIT = Math.fround(1 / 127)

/** bitsandbytes with 8 bits, LLM.int8() (arXiv:2208.07339 §2): a byte a weight and the largest |w| of every row, `SCB`. */
export const int8RowsFolder: FolderFormat = {
  name: 'bitsandbytes:int8',
  title: 'bitsandbytes folder, 8 bits: LLM.int8()',
  mixed: false,
  cannotHold,
  tensorsOf,
  schemeOf: () => ({ load_in_8bit: true }),
  config: (_held, plain) => ({
    quant_method: 'bitsandbytes',
    load_in_8bit: true,
    load_in_4bit: false,
    llm_int8_has_fp16_weight: false,
    llm_int8_enable_fp32_cpu_offload: false,
    llm_int8_skip_modules: [...plain],
  }),
  matches: config => isBitsandbytes(config) && config.load_in_8bit === true,
  find: (_config: Config, source) => Promise.resolve(layersWith(source, 'SCB', suffixes).map(l => foundIn(l, source))),
}

/** What `read` makes: codes times the row's maximum, times 1/127. */
function rowMaxima(weight: Weight): { readonly codes: Uint8Array; readonly maxima: Float32Array } | undefined {
  if (weight.kind !== 'scaled') return undefined
  const { inner, scales } = weight as ScaledWeight
  const found = onGrid(inner)
  if (!found || found.order || scales.columns || !scales.rows?.every(unit => unit === UNIT)) return undefined
  const { q } = found
  if (
    q.bits !== 8 ||
    (q.mins ?? q.zeroPoints ?? q.zeros) ||
    groupSizeOf(q) !== -1 ||
    q.scales.data.length !== q.shape[0]
  )
    return undefined
  return { codes: q.codes, maxima: toF32(q.scales).data }
}

function cannotHold(weight: Weight): string | undefined {
  return rowMaxima(weight)
    ? undefined
    : `it is ${weight.kind}, and the format holds bytes with a maximum for every row, as llm-int8 makes them`
}

function tensorsOf(weight: Weight): Record<string, Tensor> {
  const { codes, maxima } = rowMaxima(weight)!
  return {
    weight: { dtype: 'i8', shape: weight.shape, data: Int8Array.from(codes, code => code - 128) },
    SCB: f32([maxima.length], maxima.slice()),
    weight_format: { dtype: 'u8', shape: [], data: new Uint8Array(1) },
  }
}

function foundIn(layer: Layer, source: TensorSource): FoundMatrix {
  const shape = partOf(layer, 'weight', ['i8'], [-1, -1]).shape as [number, number]
  partOf(layer, 'SCB', ['f32'], [shape[0]])
  const order = layer.parts.get('weight_format')
  if (order?.shape.some(dim => dim !== 1)) throw layerError(layer, 'weight_format: expected one number', 'size')
  return {
    name: `${layer.stem}.weight`,
    shape,
    encoding: 'LLM.int8()',
    parts: partNames(layer),
    async read() {
      if (layer.parts.has('weight_format') && Number((await readPart(source, layer, 'weight_format')).data[0]) !== 0)
        throw layerError(layer, 'weight_format: rows in order (0) are read', 'unsupported')
      const codes = (await readPart(source, layer, 'weight')).data as Int8Array
      const maxima = (await readPart(source, layer, 'SCB')).data as Float32Array
      return int8Rows(
        shape,
        Uint8Array.from(codes, code => code + 128),
        maxima,
      )
    },
  }
}

/**
 * A matrix as LLM.int8() computes with it.
 * @param codes 1 … 255 for −127 … 127, `[out, in]`
 * @param maxima largest |w| of every row
 */
export function int8Rows(shape: readonly [number, number], codes: Uint8Array, maxima: Float32Array): ScaledWeight {
  const [out, width] = shape
  const inner = quantizedWeight({ shape, bits: 8, groupSize: width, codes, scales: f32([out, 1], maxima) })
  return scaledWeight(inner, { rows: new Float32Array(out).fill(UNIT) })
}
