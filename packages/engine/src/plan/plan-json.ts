import { averageBits } from './format-plan.ts'
import type { Plan, Step } from './plan.ts'

/** The plan as plain JSON: methods by name. */
export function planToJson(plan: Plan): Record<string, unknown> {
  const { transforms, rows, ...rest } = plan
  const bits = averageBits(rows)
  return {
    ...rest,
    ...(bits !== undefined && { averageBitsPerWeight: bits }),
    transforms: transforms.map(stepToJson),
    rows: rows.map(row => ({ ...row, steps: row.steps.map(stepToJson) })),
  }
}

const stepToJson = ({ method, options }: Step): unknown => ({ method: method.name, options })
