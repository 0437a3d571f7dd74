import { Command } from 'commander'
import { jsonFlag } from '../flags.ts'
import { modelPath } from '../model-path.ts'
import { print, printJson } from '../print.ts'
import { type RecipeFlags, recipeFlags, recipeOf } from '../recipe-flags.ts'

interface PlanFlags extends RecipeFlags {
  readonly out?: string
  readonly resume?: boolean
  readonly json?: boolean
}

export function planCommand(): Command {
  const command = new Command('plan')
    .description('What a compression would do to every tensor, and what it would cost; nothing is written')
    .argument('[model]', 'the model; may stand in the recipe instead')
    .option('--out <path>', 'also checks that the result could be written there')
    .option('--resume', 'for the rest of an unfinished run: its space is not asked for again')
    .addHelpText(
      'after',
      `
Examples:
  sinter plan ./model --method rtn --bits 4
  sinter plan ./model --recipe balanced --calibration text.txt
  sinter plan --recipe recipe.yaml --json`,
    )
    .action(planAction)
  return recipeFlags(command).addOption(jsonFlag())
}

async function planAction(path: string | undefined, flags: PlanFlags): Promise<void> {
  const { formatPlan, planToJson, resolvePlan } = await import('@sinter/engine')
  const { openModel } = await import('@sinter/model')
  const recipe = await recipeOf(flags)
  const model = await openModel(modelPath(path, recipe))
  try {
    const { out, threads, memory: memoryBudget, resume } = flags
    const plan = await resolvePlan(model, recipe, { out, threads, memoryBudget, resume })
    if (flags.json) printJson(planToJson(plan))
    else print(formatPlan(plan, process.stdout.columns ? { width: process.stdout.columns } : {}))
  } finally {
    await model.close()
  }
}
