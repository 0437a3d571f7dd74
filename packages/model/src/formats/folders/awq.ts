import { castTo, type Tensor, type Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import type { TensorSource } from '../source.ts'
import { transposed, turned } from '../transposed.ts'
import type { FolderFormat, FoundMatrix, Scheme } from './folder-format.ts'
import { type Layer, layerError, layersWith, partNames, partOf, readPart } from './found.ts'
import { groupSizeIn } from './gptq.ts'
import { gridProblem, gridWeight, groupSizeOf, onGrid, perRow } from './on-grid.ts'
import { oneScheme } from './schemes.ts'
import { packAwq, unpackAwq } from './words.ts'

const suffixes = ['qweight', 'qzeros', 'scales']

/**
 * AWQ (arXiv:2306.00978) for GEMM kernels, as AutoAWQ stores it: 4-bit codes `[in, out]`, eight outputs a word in an order of their own,
 * f16 scales and zero points `[groups, out]`.
 */
export const awqFolder: FolderFormat = {
  name: 'awq',
  title: 'AWQ folder, GEMM layout',
  mixed: false,
  cannotHold(weight) {
    const problem = gridProblem(weight, { bits: [4], scales: ['f16'], order: false })
    if (problem) return problem
    const [out] = weight.shape
    return out % 8 === 0 ? undefined : `its ${out} outputs are no multiple of 8`
  },
  tensorsOf,
  schemeOf: weight => ({ bits: 4, group_size: groupSizeOf(onGrid(weight)!.q) }),
  modelDType: () => 'f16',
  config: configOf,
  matches: config => config.quant_method === 'awq',
  find: (config, source) => Promise.resolve(find(config, source)),
}

function tensorsOf(weight: Weight): Record<string, Tensor> {
  const { q } = onGrid(weight)!
  const [out, width] = q.shape
  const { zeroPoints, scales } = perRow(q)
  const groups = scales.shape[1]!
  return {
    qweight: packAwq(transposed(q.codes, [out, width]), [width, out]),
    qzeros: packAwq(transposed(zeroPoints, [out, groups]), [groups, out]),
    scales: turned(castTo(scales, 'f16')),
  }
}

/** Zero points are always written: a symmetric matrix has 8 everywhere. */
function configOf(held: ReadonlyMap<string, Scheme>, plain: readonly string[]): Config {
  return {
    quant_method: 'awq',
    ...oneScheme('awq', held),
    zero_point: true,
    version: 'gemm',
    modules_to_not_convert: plain.length > 0 ? [...plain] : null,
  }
}

function find(config: Config, source: TensorSource): FoundMatrix[] {
  const version = String(config.version ?? config.format ?? 'gemm').toLowerCase()
  if (version !== 'gemm')
    throw new FormatError('unsupported', `quantization_config.version: expected gemm, got ${JSON.stringify(version)}`)
  const bits = config.bits ?? config.w_bit ?? 4
  if (bits !== 4)
    throw new FormatError('unsupported', `quantization_config.bits: AWQ of 4 bits is read, got ${JSON.stringify(bits)}`)
  const groupSize = { group_size: config.group_size ?? config.q_group_size }
  return layersWith(source, 'qweight', suffixes).map(layer => foundIn(layer, groupSize, source))
}

function foundIn(layer: Layer, config: Config, source: TensorSource): FoundMatrix {
  const [width, words] = partOf(layer, 'qweight', ['i32'], [-1, -1]).shape as [number, number]
  const out = 8 * words
  const [groups] = partOf(layer, 'scales', ['f16', 'bf16', 'f32'], [-1, out]).shape as [number]
  partOf(layer, 'qzeros', ['i32'], [groups, words])
  if (groups < 1 || groups > width) throw layerError(layer, `${groups} groups of ${width} inputs`, 'size')
  const groupSize = groupSizeIn(layer, config, width, groups)
  return {
    name: `${layer.stem}.weight`,
    shape: [out, width],
    encoding: 'AWQ 4-bit',
    parts: partNames(layer),
    async read() {
      const ints = async (suffix: string) => (await readPart(source, layer, suffix)).data as Int32Array
      const codes = transposed(unpackAwq(await ints('qweight'), [width, out]), [width, out])
      const zeros = transposed(unpackAwq(await ints('qzeros'), [groups, out]), [groups, out])
      const scales = turned(await readPart(source, layer, 'scales'))
      return gridWeight({ shape: [out, width], bits: 4, groupSize, codes, scales }, zeros)
    },
  }
}
