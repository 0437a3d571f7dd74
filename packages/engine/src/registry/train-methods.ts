import { trainMethods as lowrank } from '@sinter/lowrank'
import { full, type TrainMethod } from '@sinter/model'
import { trainMethods as quantization } from '@sinter/quantization'
import { unknownName } from './methods.ts'

/** Every method that trains. To add a package of methods: a line here; to add a method: a line in its package. */
export const trainMethods: readonly TrainMethod[] = [full as TrainMethod, ...lowrank, ...quantization]

/** @throws SinterError `unknown-name` with the nearest name and all that are known */
export function findTrainMethod(name: string): TrainMethod {
  const method = trainMethods.find(candidate => candidate.name === name)
  if (method) return method
  throw unknownName(
    'training method',
    name,
    trainMethods.map(candidate => candidate.name),
  )
}
