// You have one matrix and inputs that go through it, and no model at all.
import { gptq, rtn } from '@sinter/quantization'
import { createRng, f32, type Weight } from '@sinter/tensor-core'

const [out, width, tokens] = [64, 128, 512]
const rng = createRng('example')
const weight = f32(
  [out, width],
  Float32Array.from({ length: out * width }, () => rng.normal()),
)

// Inputs whose columns go together, as those of a language model do: x = z + what all columns share.
const inputs = Array.from({ length: tokens }, () => {
  const shared = rng.normal()
  return Float64Array.from({ length: width }, () => rng.normal() + 2 * shared)
})

/** Σ x xᵀ, `[in, in]`: all that GPTQ wants to know of the inputs. */
const gram = new Float64Array(width * width)
for (const x of inputs)
  for (let i = 0; i < width; i++) for (let j = 0; j < width; j++) gram[i * width + j]! += x[i]! * x[j]!

/** Σ ‖ΔW x‖² */
function outputError(compressed: Weight): number {
  const dense = compressed.dense().data as Float32Array
  let sum = 0
  for (const x of inputs)
    for (let r = 0; r < out; r++) {
      let y = 0
      for (let j = 0; j < width; j++) y += (weight.data[r * width + j]! - dense[r * width + j]!) * x[j]!
      sum += y * y
    }
  return sum
}

const options = { bits: 4, groupSize: 64 } as const
const rounded = rtn(weight, options)
const { weight: corrected } = await gptq(weight, gram, options)

export const errors: { readonly rounded: number; readonly corrected: number } = {
  rounded: outputError(rounded),
  corrected: outputError(corrected),
}
console.log(`rounding moves the outputs by ${errors.rounded.toFixed(0)}, GPTQ by ${errors.corrected.toFixed(0)}`)
const { values, scales, zeroPoints, indices } = corrected.bits()
console.log(`${((values + scales + zeroPoints + indices) / (out * width)).toFixed(3)} bits a weight`)
