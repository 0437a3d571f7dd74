import { type Method, type Model, SinterError, type WeightMethod } from '@sinter/model'
import { rtn } from '@sinter/quantization'
import { createRng, defaultCompute, type TensorF32, type Weight } from '@sinter/tensor-core'
import { checkOrientation } from '../formats/folders.ts'
import { formatNamed } from '../registry/formats.ts'
import { endsOnGrid } from './format-fit.ts'
import type { OutputPlan, PlanRow, Step } from './plan.ts'

/**
 * Tries on small matrices whether a format holds what the last step makes, so that it is not found out after hours. What only
 * data could tell is told when the output is written.
 * @throws SinterError `option` with the tensor, the method and the reason
 */
export async function checkHeld(model: Model, rows: readonly PlanRow[], output: OutputPlan): Promise<void> {
  const format = formatNamed(output.container)
  const compressed = rows.filter(({ action }) => action === 'compress')
  if (!format.cannotHold || compressed.length === 0) return
  checkOrientation(format.name, { config: model.configFile })
  const tried = new Set<string>()
  for (const { tensor, shape, steps } of compressed) {
    const [out, width] = shape as readonly [number, number]
    const { method, options } = steps.at(-1)!
    // Formats look at what rows leave when they are divided by 32, and not at how many there are.
    const sample = [32 + (out % 32), width] as const
    const key = JSON.stringify([method.name, options, sample])
    if (tried.has(key)) continue
    tried.add(key)
    const weight = await made({ method, options }, sample)
    const reason = weight && format.cannotHold(output.encoding, weight)
    if (reason)
      throw new SinterError(
        'option',
        `${tensor}: ${format.name}:${output.encoding} cannot hold what ${method.name} makes of it: ${reason}`,
      )
  }
}

/** What a step makes of a matrix of random numbers; undefined when that takes statistics of a model. */
async function made(
  { method, options }: Step<WeightMethod>,
  shape: readonly [number, number],
): Promise<Weight | undefined> {
  const sample = randomMatrix(shape)
  const statistics = { tokens: 0, sequences: 0 }
  const context = { compute: defaultCompute(), name: 'sample', note: () => {} }
  if (method.needs(options).length === 0)
    return (await method.compress(new Map([['weight', sample]]), statistics, options, context)).get('weight')
  // The grid is that of rounding, whatever chooses the codes.
  return endsOnGrid(method as Method) ? rtn(sample, gridOptions(options)) : undefined
}

function gridOptions(options: unknown): Parameters<typeof rtn>[1] {
  const { bits, groupSize, symmetric, symmetricRange, zero, scaleDType } = options as NonNullable<
    Parameters<typeof rtn>[1]
  >
  return { bits, groupSize, symmetric, symmetricRange, zero, scaleDType } as Parameters<typeof rtn>[1]
}

function randomMatrix(shape: readonly [number, number]): TensorF32 {
  const rng = createRng('held')
  const data = Float32Array.from({ length: shape[0] * shape[1] }, () => rng.normal())
  return { dtype: 'f32', shape, data }
}
