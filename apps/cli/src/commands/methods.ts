import type { Method, TrainMethod } from '@sinter/model'
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
  sinter methods lora
  sinter compress ./model --method gptq --set damping=0.05 …`,
    )
    .action(methodsAction)
}

async function methodsAction(name: string | undefined, { json }: { readonly json?: boolean }): Promise<void> {
  const engine = await import('@sinter/engine')
  const { findAnyMethod, formats, methods, presets, trainMethods } = engine
  const options = optionReader(engine.recipeJsonSchema(), engine.trainJsonSchema())
  const chosen: readonly Listed[] = name === undefined ? [...methods, ...trainMethods] : [findAnyMethod(name)]
  if (json) return printJson(chosen.map(method => ({ ...summary(method), options: options(method) })))
  if (name !== undefined) return print(describe(chosen[0]!, options(chosen[0]!)))
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
  const hint =
    'sinter methods NAME lists the options of a method. Those of the kind train stand in recipes of sinter train.'
  print([list, presetList, formatList, hint].join('\n\n'))
}

type Listed = Pick<Method | TrainMethod, 'name' | 'kind' | 'title' | 'paper'>

const summary = ({ name, kind, title, paper }: Listed) => ({ name, kind, title, paper })

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

type Choices = readonly { readonly properties: Readonly<Record<string, Property>> }[]

/** The schemas of recipes know every option of every method: they are read, so that what is shown is what is checked. */
function optionReader(compress: object, train: object): (method: Listed) => readonly OptionInfo[] {
  const { steps } = (compress as { properties: { steps: { items: { oneOf: Choices } } } }).properties
  const { method: trained } = (train as { properties: { method: { oneOf: Choices } } }).properties
  return ({ kind, name }) => {
    const [choices, key] = kind === 'train' ? [trained.oneOf, 'name'] : [steps.items.oneOf, 'method']
    const found = choices.find(candidate => candidate.properties[key]?.const === name)
    return Object.entries(found?.properties ?? {})
      .filter(([option]) => option !== key)
      .map(([option, property]) => ({
        name: option,
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

function describe(method: Listed, options: readonly OptionInfo[]): string {
  const lines = options.map(({ name, type, default: value, description }) => {
    const head = `  ${name}  (${type}${value === undefined ? '' : `, default ${JSON.stringify(value)}`})`
    return description === undefined ? head : `${head}\n      ${description}`
  })
  return [`${method.title}  ${method.paper}  (${method.kind})`, '', ...lines].join('\n')
}
