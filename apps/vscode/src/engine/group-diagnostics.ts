import type { Plan, PlanRow } from '@sinter/engine'
import { findNodeAtLocation } from 'jsonc-parser'
import type { RecipeDiagnostic, RecipeFix } from '../shared/recipe-checker.ts'
import type { RecipeSource } from './recipe-checker.ts'
import { type Span, valueSpan } from './recipe-place.ts'

interface Group {
  readonly step: number
  readonly size: number
  /** Inputs of the matrices that it does not divide. */
  readonly inputs: Set<number>
  readonly rows: PlanRow[]
}

/** Groups that do not divide the inputs of a matrix: the run works, the last group of each row is short. */
export function groupDiagnostics({ tree }: RecipeSource, plan: Plan): RecipeDiagnostic[] {
  return groupsOf(plan).map(({ step, size, inputs, rows }) => {
    const size_ = findNodeAtLocation(tree, ['steps', step, 'groupSize'])
    const method = valueSpan(tree, ['steps', step, 'method'])
    const fits = largestDivisor([...inputs], size)
    const names = [...new Set(rows.map(({ name }) => name))].slice(0, 4).join(', ')
    return {
      ...(size_ ? { offset: size_.offset, length: size_.length } : method),
      severity: 'warning',
      code: 'group-size',
      message:
        `groups of ${size} do not divide the ${[...inputs].join(' and ')} inputs of ${names}: the last group of a row is ` +
        `shorter${fits === undefined ? '' : `; ${fits} divides them`}`,
      fixes: fits === undefined ? [] : [fix(fits, size_ && { offset: size_.offset, length: size_.length }, method)],
    }
  })
}

function fix(size: number, written: Span | undefined, method: Span): RecipeFix {
  const edit = written
    ? { ...written, text: String(size) }
    : { offset: method.offset + method.length, length: 0, text: `, "groupSize": ${size}` }
  return { title: `Use groups of ${size}`, edits: [edit] }
}

function groupsOf({ rows, recipe }: Plan): Group[] {
  const found = new Map<number, Group>()
  for (const row of rows) {
    const step = row.steps.at(-1)
    const inputs = Number(/do not divide its (\d+) inputs/.exec(row.reason)?.[1])
    if (!step || !inputs) continue
    const { groupSize: size } = step.options as { readonly groupSize: number }
    const index = recipe.steps.findLastIndex(
      ({ method, groupSize }) => method === step.method.name && (groupSize ?? size) === size,
    )
    const group = found.get(index) ?? { step: index, size, inputs: new Set<number>(), rows: [] }
    group.inputs.add(inputs)
    group.rows.push(row)
    found.set(index, group)
  }
  return [...found.values()].filter(({ step }) => step >= 0)
}

/** The largest size below `size` that divides all; below 8 the scales cost more than the codes they serve. */
function largestDivisor(numbers: readonly number[], size: number): number | undefined {
  for (let candidate = size - 1; candidate >= 8; candidate--)
    if (numbers.every(n => n % candidate === 0)) return candidate
  return undefined
}
