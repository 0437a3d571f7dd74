import { type LinearRewrite, layerMatches, ownCopy, SinterError, storedLayers, type TrainMethod } from '@sinter/model'
import { linear, mul, type QuantizedWeight, quantizedWeight, reshape, type TensorF32, toF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { rtn } from '../rtn.ts'
import { grouped, groupsOf, refuseTransposed, scaleName } from './qat.ts'

export interface PeqaOptions {
  readonly bits: number
  readonly groupSize: number
  readonly targets: readonly string[]
}

const codesName = (layer: string) => `${layer}.weight_codes`

/**
 * Only scales move: the integers of a rounded model stay, so that tasks share one backbone and differ by scales (PEQA, 2305.14152 §3).
 */
export const peqa: TrainMethod<PeqaOptions> = {
  kind: 'train',
  name: 'peqa',
  title: 'Training of scales over fixed integers',
  paper: 'arXiv:2305.14152 §3',
  options: z.strictObject({
    bits: z.int().min(2).max(8).default(4).describe('Bits a weight.'),
    groupSize: z.int().min(0).default(0).describe('Columns that share a scale; 0: a row.'),
    targets: z
      .array(z.string().min(1))
      .default([])
      .describe('Layers, by the end of their names. Default: every linear.'),
  }),
  needs: () => [],
  async setUp(model, { bits, groupSize, targets }) {
    const layers = storedLayers(model).filter(({ stored }) => layerMatches(stored, targets))
    if (layers.length === 0) throw new SinterError('recipe', `peqa: targets ${targets.join(', ')} match no layer`)
    const parameters = new Map<string, TensorF32>()
    const constants = new Map<string, TensorF32>()
    const backbone = new Map<string, QuantizedWeight>()
    for (const { stored, shape } of layers) {
      refuseTransposed(model, stored)
      const [out, width] = shape
      const size = groupSize === 0 ? width : groupSize
      groupsOf(width, groupSize, stored)
      const weight = rtn(await ownCopy(model, `${stored}.weight`), {
        bits,
        groupSize: size,
        symmetric: false,
        scaleDType: 'f32',
      })
      const scales = toF32(weight.quantized.scales)
      const zeros = weight.quantized.zeroPoints!
      const { codes } = weight.quantized
      const values = Float32Array.from({ length: out * width }, (_, i) => codes[i]! - zeros[Math.floor(i / size)]!)
      constants.set(codesName(stored), { dtype: 'f32', shape, data: values })
      parameters.set(scaleName(stored), { dtype: 'f32', shape: [out, width / size], data: scales.data.slice() })
      backbone.set(stored, weight)
    }
    return {
      rewrite: rewriteScales(groupSize, targets),
      parameters,
      constants,
      merge(layer) {
        const weight = backbone.get(layer)
        return weight && quantizedWeight({ ...weight.quantized, scales: parameters.get(scaleName(layer))! })
      },
    }
  },
}

function rewriteScales(groupSize: number, targets: readonly string[]): LinearRewrite {
  return (t, x, { name, weight, bias }) => {
    if (!layerMatches(name, targets)) return linear(x, weight, bias)
    const [out, width] = weight.shape as readonly [number, number]
    const codes = grouped(t.parameter(codesName(name), [out, width]), groupSize, name)
    const groups = codes.shape[1] as number
    const scales = reshape(t.parameter(scaleName(name), [out, groups]), [out, groups, 1])
    return linear(x, reshape(mul(codes, scales), [out, width]), bias)
  }
}
