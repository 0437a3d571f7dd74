import { sizeOf } from '@sinter/tensor-core'
import { z } from 'zod'
import { adamCoefficients, adamUpdate, type MomentOptions, momentFields } from './adam-update.ts'
import { BLOCK, decodeBlock, dynamicMap, encodeBlock } from './dynamic-map.ts'
import { checkStep, type Optimizer, stateCodes, stateFloats } from './optimizer.ts'

// A block at a time, so that a step allocates nothing.
const first = new Float32Array(BLOCK)
const second = new Float32Array(BLOCK)

/**
 * AdamW whose moments are kept in 8 bits: Dettmers et al., §2.1 and §2.2. Codes `m` and `v` of 8 bits on the dynamic map, and for
 * every 256 values an f32 scale `mScale`, `vScale`: 2.03 bytes a value instead of 8. The arithmetic is AdamW's, on decoded moments.
 *
 * A change by less than half a level is lost, so `v` follows single gradients only when they are large: the loss that gradient noise
 * leaves is higher, by up to a quarter on a noisy quadratic. Keep tensors whose rows are rarely touched in 32 bits (§2.3).
 */
export const adamw8bit: Optimizer<MomentOptions> = {
  name: 'adamw-8bit',
  title: 'AdamW with 8-bit moments',
  paper: 'arXiv:2110.02861',
  options: z.strictObject(momentFields),
  piece: BLOCK,
  state(shape) {
    const size = sizeOf(shape)
    const scales = () => new Float32Array(Math.ceil(size / BLOCK))
    return { m: new Uint8Array(size), v: new Uint8Array(size), mScale: scales(), vScale: scales() }
  },
  step(input) {
    checkStep(input)
    const { parameter, gradient, state, step, learningRate, options } = input
    const size = parameter.length
    const m = stateCodes(state, 'm', size)
    const v = stateCodes(state, 'v', size)
    const mScale = stateFloats(state, 'mScale', Math.ceil(size / BLOCK))
    const vScale = stateFloats(state, 'vScale', Math.ceil(size / BLOCK))
    const [signed, unsigned] = [dynamicMap(true), dynamicMap(false)]
    const coefficients = adamCoefficients(options, true, step, learningRate)
    for (let block = 0, from = 0; from < size; block++, from += BLOCK) {
      const to = Math.min(size, from + BLOCK)
      decodeBlock(signed, m, mScale[block]!, from, to, first)
      decodeBlock(unsigned, v, vScale[block]!, from, to, second)
      adamUpdate(parameter, gradient, first, second, coefficients, from, to, from)
      mScale[block] = encodeBlock(signed, first, from, to, m)
      vScale[block] = encodeBlock(unsigned, second, from, to, v)
    }
  },
}
