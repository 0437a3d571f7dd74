import { trainMethods as adapterMethods } from '@sinter/lowrank'
import { full, type Method, type TrainMethod } from '@sinter/model'
import { trainMethods as quantization } from '@sinter/quantization'
import { methods, unknownName } from './methods.ts'

/** Those that put something small beside matrices that stay. */
export { adapterMethods }

/** Every method that trains. To add a package of methods: a line here; to add a method: a line in its package. */
export const trainMethods: readonly TrainMethod[] = [full as TrainMethod, ...adapterMethods, ...quantization]

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

/** A method of any kind. @throws SinterError `unknown-name` */
export function findAnyMethod(name: string): Method | TrainMethod {
  const all = [...methods, ...trainMethods]
  const method = all.find(candidate => candidate.name === name)
  if (method) return method
  throw unknownName(
    'method',
    name,
    all.map(candidate => candidate.name),
  )
}
