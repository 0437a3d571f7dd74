import type { Method } from '@sinter/model'
import { Command } from 'commander'
import { jsonFlag } from '../flags.ts'
import { print, printJson } from '../print.ts'
import { table } from '../terminal/table.ts'

export function methodsCommand(): Command {
  return new Command('methods')
    .description('The methods there are; with a name, its options')
    .argument('[name]', 'a method')
    .addOption(jsonFlag())
    .addHelpText(
      'after',
      `
Examples:
  sinter methods
  sinter methods gptq
  sinter compress ./model --method gptq --set damping=0.05 …`,
    )
    .action(methodsAction)
}

async function methodsAction(name: string | undefined, { json }: { readonly json?: boolean }): Promise<void> {
  const { findMethod, formats, methods, presets, recipeJsonSchema } = await import('@sinter/engine')
  const options = optionReader(recipeJsonSchema())
  const chosen = name === undefined ? methods : [findMethod(name)]
  if (json) return printJson(chosen.map(method => ({ ...summary(method), options: options(method.name) })))
  if (name !== undefined) return print(describe(chosen[0]!, options(name)))
  const list = table(chosen.map(summary), [
    { title: 'method', value: row => row.name },
    { title: 'kind', value: row => row.kind },
    { title: 'what', value: row => row.title },
    { title: 'paper', value: row => row.paper },
  ])
  const presetList = table(presets, [
    { title: 'preset', value: row => row.name },
    { title: 'what', value: row => row.title },
  ])
  const formatList = table(formats, [
    { title: 'format', value: row => row.name },
    { title: 'what', value: row => row.title },
    { title: 'types', value: row => row.types.join(' ') },
  ])
  print([list, presetList, formatList, 'sinter methods NAME lists the options of a method.'].join('\n\n'))
}

const summary = ({ name, kind, title, paper }: Method) => ({ name, kind, title, paper })

interface OptionInfo {
  readonly name: string
  readonly type: string
  readonly default?: unknown
  readonly description?: string
}

interface Property {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
}

/** The recipe's schema knows every option of every method: it is read, so that what is shown is what is checked. */
function optionReader(schema: Record<string, unknown>): (method: string) => readonly OptionInfo[] {
  const { properties } = schema as {
    properties: { steps: { items: { oneOf: { properties: Record<string, Property> }[] } } }
  }
  const steps = properties.steps.items.oneOf
  return method => {
    const step = steps.find(candidate => candidate.properties.method?.const === method)
    return Object.entries(step?.properties ?? {})
      .filter(([name]) => name !== 'method')
      .map(([name, property]) => ({
        name,
        type: typeOf(property),
        ...(property.default !== undefined && { default: property.default }),
        ...(property.description !== undefined && { description: property.description }),
      }))
  }
}

function typeOf({ type, enum: values, minimum, maximum }: Property): string {
  if (values) return values.join(' | ')
  const low = minimum !== undefined && minimum > -(2 ** 50) ? minimum : undefined
  const high = maximum !== undefined && maximum < 2 ** 50 ? maximum : undefined
  if (low !== undefined && high !== undefined) return `${type} ${low} … ${high}`
  return low !== undefined ? `${type} ≥ ${low}` : (type ?? 'value')
}

function describe(method: Method, options: readonly OptionInfo[]): string {
  const lines = options.map(({ name, type, default: value, description }) => {
    const head = `  ${name}  (${type}${value === undefined ? '' : `, default ${JSON.stringify(value)}`})`
    return description === undefined ? head : `${head}\n      ${description}`
  })
  return [`${method.title}  ${method.paper}  (${method.kind})`, '', ...lines].join('\n')
}
