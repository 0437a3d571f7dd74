import { quantizedWeight, type Tensor, toF32 } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import type { TensorSource } from '../source.ts'
import type { FoundMatrix } from './folder-format.ts'
import { type Layer, layerError, layersWith, partNames, partOf, readPart } from './found.ts'
import { packings, partRows, unpackParts } from './hqq-packing.ts'
import { gridWeight } from './on-grid.ts'

const suffixes = [
  'W_q',
  'scale',
  'zero',
  'shape',
  'nbits',
  'group_size',
  'axis',
  'packing',
  'unpack_view_dtype',
  'compute_dtype',
  'view_as_float',
  'quant_scale',
  'quant_zero',
  'offload_meta',
  'channel_wise',
  'optimize',
  'round_zero',
  'encoded_state_dict',
  'stores_quant_config',
]

/** @throws FormatError for layers whose state is not known or does not fit together */
export async function findHqq(_config: Config, source: TensorSource): Promise<FoundMatrix[]> {
  const found: FoundMatrix[] = []
  for (const layer of layersWith(source, 'W_q', suffixes)) found.push(await foundIn(layer, source))
  return found
}

async function foundIn(layer: Layer, source: TensorSource): Promise<FoundMatrix> {
  const state = await stateIn(layer, source)
  const { shape, bits, groupSize } = state
  const groups = (shape[0] * shape[1]) / groupSize
  const { dtype } = packings[bits]!
  partOf(layer, 'W_q', [dtype], [partRows(groups, bits), groupSize])
  partOf(layer, 'scale', ['f16', 'bf16', 'f32'], [groups, 1])
  partOf(layer, 'zero', ['f16', 'bf16', 'f32'], [groups, 1])
  return {
    name: `${layer.stem}.weight`,
    shape,
    encoding: `HQQ ${bits}-bit`,
    parts: partNames(layer),
    async read() {
      const grid = [shape[0], shape[1] / groupSize]
      const codes = unpackParts(await readPart(source, layer, 'W_q'), groups, groupSize, bits)
      const scales = { ...(await readPart(source, layer, 'scale')), shape: grid }
      const zeros: Tensor = { ...(await readPart(source, layer, 'zero')), shape: grid }
      const q = { shape, bits, groupSize, codes, scales }
      const whole = wholeNumbers(zeros, bits)
      return whole ? gridWeight(q, whole) : quantizedWeight({ ...q, zeros })
    },
  }
}

/** Zero points as bytes; undefined when one is not a whole number that a code could be. */
function wholeNumbers(zeros: Tensor, bits: number): Uint8Array | undefined {
  const values = toF32(zeros).data
  const whole = values.every(zero => Number.isInteger(zero) && zero >= 0 && zero < 2 ** bits)
  return whole ? Uint8Array.from(values) : undefined
}

interface State {
  readonly shape: readonly [number, number]
  readonly bits: number
  readonly groupSize: number
}

async function stateIn(layer: Layer, source: TensorSource): Promise<State> {
  const number = async (suffix: string): Promise<number> => {
    const info = partOf(layer, suffix, ['i32', 'i64', 'u8', 'f32'])
    if (info.shape.some(dim => dim !== 1)) throw layerError(layer, `${suffix}: expected one number`, 'size')
    return Number((await readPart(source, layer, suffix)).data[0])
  }
  const optional = async (suffix: string): Promise<number> => (layer.parts.has(suffix) ? number(suffix) : 0)
  partOf(layer, 'shape', ['i64', 'i32'], [2])
  const [out, width] = Array.from((await readPart(source, layer, 'shape')).data as BigInt64Array, Number)
  const bits = await number('nbits')
  const groupSize = layer.parts.has('group_size') ? await number('group_size') : width!
  const unknown = (what: string) => layerError(layer, what, 'unsupported')
  if (!packings[bits]) throw unknown(`nbits: ${Object.keys(packings).join(', ')} are read, got ${bits}`)
  if ((await number('axis')) !== 1)
    throw unknown('groups along the outputs (axis 0) are not read; groups along the inputs are')
  for (const key of ['quant_scale', 'quant_zero', 'view_as_float'])
    if ((await optional(key)) !== 0) throw unknown(`${key} is set: its scales or codes lie in a form that is not read`)
  if (!(out! > 0 && width! > 0 && out! <= 2 ** 24 && width! <= 2 ** 24))
    throw layerError(layer, `shape is [${out}, ${width}]`, 'size')
  if (!(groupSize >= 1 && width! % groupSize === 0))
    throw unknown(`groups of ${groupSize} do not divide its ${width} inputs`)
  return { shape: [out!, width!], bits, groupSize }
}
