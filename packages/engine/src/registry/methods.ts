import { type Method, nearestName, SinterError } from '@sinter/model'
import { methods as pruning } from '@sinter/pruning'
import { methods as quantization } from '@sinter/quantization'
import { z } from 'zod'

/** Every method there is. To add a package of methods: a line here; to add a method: a line in its package. */
export const methods: readonly Method[] = [...quantization, ...pruning]

/** @throws SinterError `unknown-name` with the nearest name and all that are known */
export function findMethod(name: string): Method {
  const method = methods.find(candidate => candidate.name === name)
  if (method) return method
  throw unknownName(
    'method',
    name,
    methods.map(candidate => candidate.name),
  )
}

/** The error for a name that is none of those known. */
export const unknownName = (what: string, name: string, known: readonly string[]): SinterError =>
  new SinterError('unknown-name', unknownNameMessage(what, name, known))

export function unknownNameMessage(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known)
  const hint = nearest === undefined ? '' : `; did you mean ${JSON.stringify(nearest)}?`
  return `unknown ${what} ${JSON.stringify(name)}${hint} Known: ${known.join(', ')}`
}

/** A method's options by name, each with its own schema. */
export function optionFields({
  name,
  options,
}: {
  readonly name: string
  readonly options: z.ZodType
}): Readonly<Record<string, z.ZodType>> {
  if (!(options instanceof z.ZodObject))
    throw new TypeError(`${name}: its options must be a zod object, so that editors can offer them`)
  return options.shape as Record<string, z.ZodType>
}
