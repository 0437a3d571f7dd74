import type { PreparedHessian } from '@sinter/tensor-core'
import type { MethodContext } from './method.ts'

/** Tells the report what factoring a Hessian needed: more damping than asked for, inputs that were always zero. */
export function noteHessian(
  { damping, rescues, dead }: PreparedHessian,
  context: Pick<MethodContext, 'name' | 'note'>,
): void {
  if (rescues > 0)
    context.note({
      code: 'damping-raised',
      message: `${context.name}: the Hessian was not positive definite; damping was raised to ${damping}`,
      value: damping,
    })
  const count = dead.reduce((sum, d) => sum + d, 0)
  if (count > 0)
    context.note({
      code: 'dead-inputs',
      message: `${context.name}: ${count} inputs were zero on all calibration tokens; their weights became zero`,
      value: count,
    })
}
