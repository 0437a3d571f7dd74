import { type Method, SinterError } from '@sinter/model'
import type { Options } from '../formats/format.ts'
import { formatNamed } from '../registry/formats.ts'
import { optionFields } from '../registry/methods.ts'
import type { OutputPlan } from './plan.ts'

/** Groups that are not runs of neighbours have no place in a block encoding. */
const neighbours: Options = { groups: 'static' }

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
  if (!fit || !endsOnGrid(method)) return options
  const fields = optionFields(method)
  const ordered = !fit.anyColumns && Object.hasOwn(fields, 'groups') && options.actOrder !== false
  const fixed = { ...fit.fixed, ...(ordered && neighbours) }
  for (const [key, value] of Object.entries(fixed)) {
    const given = options[key]
    if (given !== undefined && given !== value)
      throw new SinterError(
        'option',
        `${where}: ${key} ${JSON.stringify(given)} does not fit into ${output.encoding}, which holds ` +
          `${fit.holds}; leave ${key} out, set it to ${JSON.stringify(value)}${alternative(options, output.container)}`,
      )
  }
  return { ...options, ...fixed }
}

/** Another type of the container that holds what was asked for, or the container that holds anything. */
function alternative(options: Options, container: string): string {
  const { name, types, fit } = formatNamed(container)
  for (const type of types) {
    const fixed = fit?.(type)?.fixed
    if (fixed && Object.entries(fixed).every(([key, value]) => options[key] === undefined || options[key] === value))
      return `, or use ${name}:${type}`
  }
  return ', or use the format hf'
}

/** What the file will hold in place of the method's codes, when the type cannot hold them; undefined when it can. */
export function recodingNote(method: Method, { container, encoding }: OutputPlan, inputs: number): string | undefined {
  const { recoding, fit } = formatNamed(container)
  return recoding?.(encoding, method.name, inputs, fit?.(encoding) !== undefined && endsOnGrid(method))
}
