import { type Averaging, averageInto, averagingRate, type Model, overlay, SinterError } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'

export interface SelfTeacher {
  /** The student as it was, or an average of what it has been: `teacher` of its learner, with `teacherMoves`. */
  readonly model: Model
  /** Moves the average towards the student as it is now. @param step from 1 */
  follow(step: number, averaging: Averaging, steps: number): void
  /** Becomes the student as it is now: the next generation (Born-again networks, 1805.04770 §3). */
  renew(): void
}

/**
 * A student that is its own teacher: a snapshot, which `follow` makes an average (mean teacher, 1703.01780 §3).
 * @param parameters what is trained, by stored name
 * @throws SinterError `option` when something is trained that is not the model's own: an adapter is not in a snapshot of the model
 */
export function selfTeacher(student: Model, parameters: ReadonlyMap<string, TensorF32>): SelfTeacher {
  const foreign = [...parameters.keys()].find(name => !student.source.has(name))
  if (foreign !== undefined)
    throw new SinterError(
      'option',
      `self-distillation: ${foreign} is trained and is not the model's own; take the model itself as the teacher, or train its own tensors`,
    )
  const copies = new Map([...parameters].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]))
  const move = (rate: number) => {
    for (const [name, { data }] of copies) averageInto(data, parameters.get(name)!.data, rate)
  }
  return {
    model: student.over(overlay(student.source, copies)),
    follow: (step, averaging, steps) => move(averagingRate(averaging, step, steps)),
    renew: () => move(1),
  }
}
