import { type Method, SinterError } from '@sinter/model'
import { optionFields } from '../registry/methods.ts'
import type { OutputPlan } from './plan.ts'

type Options = Readonly<Record<string, unknown>>

interface Fit {
  /** Options that the encoding fixes: it can hold codes of no other grid. */
  readonly fixed: Options
}

const blocks32 = { groupSize: 32, scaleDType: 'f16' } as const

/** GGUF encodings that hold a method's own codes and scales, and what that asks of the grid. One line an encoding. */
const fits: Readonly<Record<string, Fit>> = {
  Q4_0: { fixed: { ...blocks32, bits: 4, symmetric: true } },
  Q4_1: { fixed: { ...blocks32, bits: 4, symmetric: false, zero: 'min' } },
  Q8_0: { fixed: { ...blocks32, bits: 8, symmetric: true } },
}

/** Groups that are not runs of neighbours have no place in a block encoding. */
const neighbours: Options = { groups: 'static' }

/** Whether a method ends on a grid whose scales and zeros it lets the recipe choose. */
function endsOnGrid(method: Method): boolean {
  const fields = optionFields(method)
  return ['bits', 'groupSize', 'symmetric', 'scaleDType'].every(key => Object.hasOwn(fields, key))
}

/**
 * A step's options with those filled in that a GGUF encoding fixes, so that the file holds the codes the method chose.
 * @throws SinterError `option` for an explicit option that the encoding cannot hold
 */
export function fitToEncoding(method: Method, options: Options, output: OutputPlan, where: string): Options {
  const fit = output.container === 'gguf' ? fits[output.encoding] : undefined
  if (!fit || !endsOnGrid(method)) return options
  const fields = optionFields(method)
  const ordered = Object.hasOwn(fields, 'groups') && options.actOrder !== false
  const fixed = { ...fit.fixed, ...(ordered && neighbours) }
  for (const [key, value] of Object.entries(fixed)) {
    const given = options[key]
    if (given !== undefined && given !== value)
      throw new SinterError(
        'option',
        `${where}: ${key} ${JSON.stringify(given)} does not fit into ${output.encoding}, which holds ` +
          `${describe(fit.fixed)}; leave ${key} out, set it to ${JSON.stringify(value)}${alternative(options)}`,
      )
  }
  return { ...options, ...fixed }
}

const describe = ({ bits, symmetric, groupSize }: Options): string =>
  `${bits}-bit codes in groups of ${groupSize}, ${symmetric ? 'symmetric' : 'with a minimum'}, scales in f16`

/** Another encoding that holds what was asked for, or the container that holds anything. */
function alternative(options: Options): string {
  const found = Object.entries(fits).find(([, { fixed }]) =>
    Object.entries(fixed).every(([key, value]) => options[key] === undefined || options[key] === value),
  )
  return found ? `, or use gguf:${found[0]}` : ', or use the format hf'
}

/** What the file will hold in place of the method's codes, when the encoding cannot hold them; undefined when it can. */
export function recodingNote(method: Method, output: OutputPlan, inputs: number): string | undefined {
  if (output.container !== 'gguf' || plainEncodings.includes(output.encoding)) return undefined
  if (inputs % 32 !== 0) return `its ${inputs} inputs do not divide into blocks of 32: stored as F16`
  if (fits[output.encoding] && endsOnGrid(method)) return undefined
  return `${output.encoding} cannot hold what ${method.name} makes: its values are rounded once more`
}

const plainEncodings: readonly string[] = ['F32', 'F16', 'BF16']
