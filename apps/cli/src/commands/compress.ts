import type { Outcome, Plan, Recipe, RunResult } from '@sinter/engine'
import { Command } from 'commander'
import { resumingCommand } from '../command-line.ts'
import { finishRun } from '../finish-run.ts'
import { type OutputFlags, outputFlags, progressMode } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { modelPath } from '../model-path.ts'
import { print, printJson } from '../print.ts'
import { qualityFacts, qualityNumbers } from '../quality-facts.ts'
import { type RecipeFlags, recipeFlags, recipeOf } from '../recipe-flags.ts'
import { runPlan } from '../run-plan.ts'
import { createProgress } from '../terminal/progress.ts'
import { facts } from '../terminal/table.ts'
import { bytes, duration, percent, short } from '../terminal/units.ts'

interface CompressFlags extends RecipeFlags, OutputFlags {
  readonly out: string
  readonly resume?: boolean
  readonly report: boolean
}

export function compressCommand(): Command {
  const command = new Command('compress')
    .description('Compresses a model by a recipe or a method, and writes the result with a report')
    .argument('[model]', 'the model; may stand in the recipe instead')
    .requiredOption('--out <path>', 'folder to make (or .gguf file); it appears when it is complete')
    .option('--resume', 'go on with the unfinished run beside --out')
    .option('--no-report', 'write no report beside the result')
    .addHelpText(
      'after',
      `
Examples:
  sinter compress ./model --method rtn --bits 4 --out ./small
  sinter compress ./model --method gptq --bits 4 --group-size 64 --calibration text.txt --out ./small
  sinter compress ./model --method awq --bits 4 --calibration text.txt --out ./small
  sinter compress ./model --method sparsegpt --pattern 2:4 --calibration text.txt --out ./sparse
  sinter compress ./model --recipe q4_0 --calibration text.txt --out small.gguf
  sinter compress ./model --method gptq --format gguf:Q4_K_S --calibration text.txt --out small.gguf
  sinter compress --recipe recipe.yaml --out ./small --resume

awq only moves scales between layers: it is followed by rounding (rtn), asymmetric unless told otherwise.
Ctrl-C stops after writing down what is finished; the same command with --resume goes on from there.`,
    )
    .action(compressAction)
  return outputFlags(recipeFlags(command))
}

async function compressAction(path: string | undefined, flags: CompressFlags): Promise<void> {
  const { formatPlan, outputPath } = await import('@sinter/engine')
  const recipe = await recipeOf(flags)
  const plan = await planFor(modelPath(path, recipe), recipe, flags)
  const out = outputPath(flags.out, plan.output)
  const silent = flags.json || flags.quiet
  if (!silent) print(`${formatPlan(plan, width())}\n`)
  const progress = createProgress({ mode: progressMode(flags) })
  const result = await interruptible(
    signal => runPlan(plan, { out, resume: flags.resume === true, signal, progress }),
    () => `what is finished is kept beside the output; go on with\n  ${resumingCommand()}`,
  )
  const outcome = await interruptible(
    signal => finishRun(plan, result, { report: flags.report, signal, progress }),
    () => `${result.path} is complete; only the report about it is not`,
  )
  if (flags.json) printJson(toJson(plan, result, outcome))
  else if (!silent) print(describe(plan, result, outcome))
}

const width = () => (process.stdout.columns ? { width: process.stdout.columns } : {})

async function planFor(path: string, recipe: Recipe, flags: CompressFlags): Promise<Plan> {
  const { resolvePlan } = await import('@sinter/engine')
  const { openModel } = await import('@sinter/model')
  const model = await openModel(path)
  try {
    const { out, threads, memory: memoryBudget, resume } = flags
    return await resolvePlan(model, recipe, { out, threads, memoryBudget, resume })
  } finally {
    await model.close()
  }
}

function toJson(plan: Plan, result: RunResult, { evaluation, report }: Outcome): Record<string, unknown> {
  const { layers, notes, bits, weights, outputBytes, timings, path } = result
  return {
    model: plan.model.path,
    out: path,
    bitsPerWeight: averageBits(result),
    sparsity: averageSparsity(plan, result),
    outputBytes,
    seconds: Object.values(timings).reduce((sum, seconds) => sum + seconds, 0),
    timings,
    ...(report && { report }),
    ...(evaluation && { quality: qualityNumbers(evaluation.evaluation), generations: evaluation.generations }),
    weights,
    bits,
    layers,
    notes,
  }
}

/** Of the compressed matrices; scales, zero points and indices included. */
function averageBits({ bits, weights }: RunResult): number {
  return weights > 0 ? (bits.values + bits.scales + bits.zeroPoints + bits.indices) / weights : 0
}

/** Share of zeros among the weights of the compressed matrices. */
function averageSparsity(plan: Plan, { layers }: RunResult): number {
  const sizes = new Map(plan.rows.map(row => [`${row.block}|${row.name}`, row.shape.reduce((n, dim) => n * dim, 1)]))
  let zeros = 0
  let total = 0
  for (const { block, kind, sparsity } of layers) {
    const size = sizes.get(`${block}|${kind}`) ?? 0
    zeros += sparsity * size
    total += size
  }
  return total > 0 ? zeros / total : 0
}

function describe(plan: Plan, result: RunResult, { evaluation, report }: Outcome): string {
  const errors = result.layers.map(({ error }) => error).sort((a, b) => a - b)
  return facts([
    ['written', `${result.path} (${bytes(result.outputBytes)})`],
    ['bits a weight', result.weights > 0 ? `${averageBits(result).toFixed(3)} in the compressed matrices` : undefined],
    // Rounding makes zeros too; only where their places are stored were they wanted.
    ['zeros', result.bits.indices > 0 ? percent(averageSparsity(plan, result)) : undefined],
    [
      'layer error',
      errors.length > 0 ? `median ${short(errors[errors.length >> 1]!)}, largest ${short(errors.at(-1)!)}` : undefined,
    ],
    ['events', events(result)],
    ...(evaluation ? qualityFacts(evaluation.evaluation) : []),
    [
      'time',
      Object.entries(result.timings)
        .map(([stage, seconds]) => `${stage} ${duration(seconds)}`)
        .join(', '),
    ],
    ['report', report?.html],
  ])
}

/** How often each thing worth telling happened; the report has them all. */
function events({ notes }: RunResult): string | undefined {
  const counts = new Map<string, number>()
  for (const { note } of notes) counts.set(note.code, 1 + (counts.get(note.code) ?? 0))
  return counts.size === 0 ? undefined : [...counts].map(([code, count]) => `${code} × ${count}`).join(', ')
}
