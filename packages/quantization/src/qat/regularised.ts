import { layerMatches, ownCopy, SinterError, storedLayers, type TrainMethod } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'
import { refuseTransposed } from './qat.ts'
import { gridPenalty, kurtosisPenalty, type RowPenalty, sinePenalty } from './regularisers.ts'

export interface RegularisedOptions {
  readonly penalty: 'sine' | 'grid' | 'kurtosis'
  readonly strength: number
  readonly rise: number
  readonly bits: number
  readonly targets: readonly string[]
}

const penalties: Readonly<Record<RegularisedOptions['penalty'], RowPenalty>> = {
  sine: sinePenalty,
  grid: gridPenalty,
  kurtosis: kurtosisPenalty,
}

/** Full-precision training with a penalty that makes the weights ready to be rounded afterwards, by any method. */
export const regularised: TrainMethod<RegularisedOptions> = {
  kind: 'train',
  name: 'quantization-regularised',
  title: 'Training with a penalty on what rounding would change',
  paper: 'arXiv:1905.01416',
  options: z.strictObject({
    penalty: z
      .enum(['sine', 'grid', 'kurtosis'])
      .default('grid')
      .describe('Distance from the levels as sin², as a square, or of each row from a uniform distribution.'),
    strength: z.number().min(0).default(1).describe('Multiplies the mean of the penalty over all weights.'),
    rise: z.number().min(0).max(1).default(0.5).describe('Share of the run in which the strength rises from 0.'),
    bits: z.int().min(2).max(8).default(4).describe('Bits that the weights are to be rounded to; a scale a row.'),
    targets: z
      .array(z.string().min(1))
      .default([])
      .describe('Layers, by the end of their names. Default: every linear.'),
  }),
  needs: () => [],
  async setUp(model, { penalty, strength, rise, bits, targets }) {
    const layers = storedLayers(model).filter(({ stored }) => layerMatches(stored, targets))
    if (layers.length === 0) throw new SinterError('recipe', `targets ${targets.join(', ')} match no layer`)
    const parameters = new Map<string, TensorF32>()
    for (const { stored } of layers) {
      refuseTransposed(model, stored)
      parameters.set(`${stored}.weight`, await ownCopy(model, `${stored}.weight`))
    }
    const count = [...parameters.values()].reduce((sum, { data }) => sum + data.length, 0)
    let factor = 0
    return {
      parameters,
      beforeStep({ step, steps }) {
        factor = (strength / count) * (rise === 0 ? 1 : Math.min(1, (step + 1) / (rise * steps)))
      },
      penalty(gradients) {
        let sum = 0
        for (const [name, tensor] of parameters)
          sum += addPenalty(tensor, gradients.get(name)!, penalties[penalty], 2 ** (bits - 1) - 1, factor)
        return { penalty: factor * sum }
      },
    }
  },
}

/** @returns the penalty before it is multiplied */
function addPenalty(
  { shape, data }: TensorF32,
  gradient: Float32Array,
  of: RowPenalty,
  high: number,
  factor: number,
): number {
  const width = shape[1]!
  const slope = new Float64Array(width)
  let sum = 0
  for (let start = 0; start < data.length; start += width) {
    sum += of(data.subarray(start, start + width), high, slope)
    for (let i = 0; i < width; i++) gradient[start + i]! += factor * slope[i]!
  }
  return sum
}
