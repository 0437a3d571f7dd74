import { basename } from 'node:path'
import { Command } from 'commander'
import { UsageError } from '../failure.ts'
import { type OutputFlags, outputFlags } from '../flags.ts'
import { runTraining } from '../run-training.ts'
import { type RunFlags, runFlags } from '../train-flags.ts'

interface TrainCommandFlags extends OutputFlags, RunFlags {
  readonly out?: string
}

export function trainCommand(): Command {
  const command = new Command('train')
    .description('Trains a model by a recipe: fine-tuning, distillation, training with rounding')
    .argument('<recipe>', 'a file in YAML or JSON; its paths are relative to it')
    .option('--out <path>', 'folder to make (or .gguf file); default: NAME-trained of NAME.yaml')
    .addHelpText(
      'after',
      `
Examples:
  sinter train recipe.yaml --out ./trained
  sinter train recipe.yaml --out ./trained --resume
  sinter train recipe.yaml --json

A recipe:
  version: 1
  model: ./model
  method: { name: lora, rank: 16 }
  data: { path: train.jsonl, length: 512 }
  steps: 200

sinter methods lists the training methods, sinter schema --train prints what may stand in a recipe.
Ctrl-C stops after writing down what is finished; the same command with --resume goes on from there.`,
    )
    .action(trainAction)
  return outputFlags(runFlags(command))
}

async function trainAction(path: string, flags: TrainCommandFlags): Promise<void> {
  if (!/[./\\]/.test(path)) throw new UsageError(`${path}: expected a recipe file, such as recipe.yaml`)
  const { loadTrainRecipe } = await import('@sinter/engine')
  const recipe = await loadTrainRecipe(path)
  const out = flags.out ?? `${basename(path).replace(/\.[^.]*$/, '')}-trained`
  await runTraining(recipe, out, flags)
}
