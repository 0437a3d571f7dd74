import { type Method, SinterError } from '@sinter/model'
import type { Fit, Options } from '../formats/format.ts'
import { formatNamed } from '../registry/formats.ts'
import { optionFields } from '../registry/methods.ts'
import type { OutputPlan } from './plan.ts'

/** Groups that are not runs of neighbours have no place in a block encoding. */
const neighbours: readonly unknown[] = ['static', 'together']

/** Whether a method ends on a grid whose scales and zeros it lets the recipe choose. */
export function endsOnGrid(method: Method): boolean {
  const fields = optionFields(method)
  return ['bits', 'groupSize', 'symmetric', 'scaleDType'].every(key => Object.hasOwn(fields, key))
}

/**
 * A step's options with those filled in that the output's type fixes, so that the file holds the codes the method chose.
 * @throws SinterError `option` for an explicit option that the type cannot hold
 */
export function fitToFormat(method: Method, options: Options, output: OutputPlan, where: string): Options {
  const fit = formatNamed(output.container).fit?.(output.encoding)
  if (!fit || !holdsGrid(method, fit)) return options
  const fixed = ownOf(method, fit.fixed)
  const refuse = (key: string, wanted: unknown): never => {
    throw new SinterError(
      'option',
      `${where}: ${key} ${JSON.stringify(options[key])} does not fit into ${output.encoding}, which holds ` +
        `${fit.holds}; leave ${key} out, set it to ${JSON.stringify(wanted)}${alternative(method, options, output.container)}`,
    )
  }
  for (const [key, value] of Object.entries(fixed))
    if (options[key] !== undefined && options[key] !== value) refuse(key, value)
  if (fit.anyColumns || options.actOrder === false) return { ...options, ...fixed }
  const { groups } = options
  if (groups !== undefined && !neighbours.includes(groups)) refuse('groups', neighbours[0])
  return { ...options, ...fixed }
}

/**
 * The options again for a matrix that gets a type of its own in a mix: what the mix's main type fixed is that one's.
 * @param options as recipes give them, checked against the mix before
 */
export function refitToType(
  method: Method,
  options: Options,
  output: OutputPlan,
  type: string,
  where: string,
): Options {
  const fit = formatNamed(output.container).fit?.(output.encoding)
  if (!fit || !holdsGrid(method, fit)) return options
  const open = Object.entries(options).filter(([key]) => !Object.hasOwn(fit.fixed, key))
  return fitToFormat(method, Object.fromEntries(open), { ...output, encoding: type }, where)
}

/** Those that a method has. */
function ownOf(method: Method, options: Options): Options {
  const fields = optionFields(method)
  return Object.fromEntries(Object.entries(options).filter(([key]) => Object.hasOwn(fields, key)))
}

/** Whether a method can aim at the grid of an encoding itself, whatever its scales are. */
function aimsAt(method: Method, { fixed: { encoding } }: Fit): boolean {
  return encoding !== undefined && optionFields(method).encoding?.safeParse(encoding).success === true
}

/** Whether what a method makes can lie on the grid. */
const holdsGrid = (method: Method, fit: Fit): boolean => endsOnGrid(method) || aimsAt(method, fit)

/** Another type of the container that holds what was asked for, or the container that holds anything. */
function alternative(method: Method, options: Options, container: string): string {
  const { name, types, fit } = formatNamed(container)
  for (const type of types) {
    const found = fit?.(type)
    if (!found || (found.special && !aimsAt(method, found))) continue
    const { encoding: _, ...fixed } = found.fixed
    if (Object.entries(fixed).every(([key, value]) => options[key] === undefined || options[key] === value))
      return `, or use ${name}:${type}`
  }
  return ', or use the format hf'
}

/** What the file will hold in place of the method's codes, when the type cannot hold them; undefined when it can. */
export function recodingNote(method: Method, { container, encoding }: OutputPlan, inputs: number): string | undefined {
  const { recoding, fit } = formatNamed(container)
  const found = fit?.(encoding)
  const fits = found !== undefined && (aimsAt(method, found) || (endsOnGrid(method) && !found.special))
  return recoding?.(encoding, method.name, inputs, fits)
}
