// Plans every recipe of this folder for the model that comes with Sinter.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { formatPlan, loadRecipe, type Plan, resolvePlan } from '@sinter/engine'
import { openModel } from '@sinter/model'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const model = await openModel(here('../../apps/cli/assets/demo-model'))

export const plans: Map<string, Plan> = new Map()
for (const name of readdirSync(here('.')).filter(file => /\.(yaml|jsonc)$/.test(file))) {
  const plan = await resolvePlan(model, await loadRecipe(here(name)), { threads: 1 })
  plans.set(name, plan)
  console.log(`── ${name}\n${formatPlan(plan, { width: 120 })}\n`)
}
await model.close()
