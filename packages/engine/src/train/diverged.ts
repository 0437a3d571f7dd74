import { resolve } from 'node:path'
import { atomicWriteFile, type DivergedError, SinterError } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'

/** Where the norms of a step that went wrong are written. */
export const divergedPath = (out: string): string => `${resolve(out)}.diverged.json`

/**
 * Writes the norms of all gradients and parameters beside the run's folder.
 * @returns the error to throw, `diverged`
 */
export async function describeDivergence(
  error: DivergedError,
  parameters: ReadonlyMap<string, TensorF32>,
  out: string,
): Promise<SinterError> {
  const path = divergedPath(out)
  const tensors = [...parameters].map(([name, { data }]) => {
    const gradient = error.gradients.get(name)
    return { name, gradient: gradient && summary(gradient), parameter: summary(data) }
  })
  const { step, where, message } = error
  await atomicWriteFile(path, `${JSON.stringify({ step, where, tensors }, null, 2)}\n`)
  return new SinterError('diverged', `${message}. Norms of all gradients are in ${path}`, { cause: error })
}

/** JSON has no number for what is not finite: such values are counted, and the norm is that of the others. */
function summary(values: Float32Array): { norm: number; notFinite?: number } {
  let [sum, notFinite] = [0, 0]
  for (const value of values)
    if (Number.isFinite(value)) sum += value * value
    else notFinite++
  return { norm: Math.sqrt(sum), ...(notFinite > 0 && { notFinite }) }
}
