import { Command, Option } from 'commander'
import { decimal, type OutputFlags, outputFlags } from '../flags.ts'
import { given } from '../given.ts'
import { runTraining } from '../run-training.ts'
import { type RunFlags, recipeParts, runFlags, setOf, type TrainFlags, trainFlags } from '../train-flags.ts'

interface DistillFlags extends OutputFlags, RunFlags, TrainFlags {
  readonly out: string
  readonly teacher: string
  readonly divergence?: string
  readonly temperature?: number
  readonly alpha?: number
}

export function distillCommand(): Command {
  const command = new Command('distill')
    .description('Trains a student to predict what a teacher predicts')
    .argument('<student>', 'the model to train')
    .requiredOption('--teacher <model>', 'the model to learn from, with the same tokenizer')
    .requiredOption('--out <path>', 'folder to make (or .gguf file); it appears when it is complete')
    .optionsGroup('Loss:')
    .option('--divergence <name>', 'from the teacher: forward-kl, reverse-kl, jsd, skew-kl, …; default: forward-kl')
    .addOption(new Option('--temperature <t>', 'divides the logits of both; default: 1').argParser(decimal(0, 100)))
    .addOption(
      new Option('--alpha <share>', 'of the divergence; the rest is the loss of the text; default: 0.5').argParser(
        decimal(0, 1),
      ),
    )
    .addHelpText(
      'after',
      `
Examples:
  sinter distill ./small --teacher ./large --data texts --steps 1000 --out ./taught
  sinter distill ./pruned --teacher ./model --data train.jsonl --divergence reverse-kl --alpha 1 --epochs 1 --out ./healed
  sinter distill ./small --teacher ./large --data texts --temperature 2 --set trains=blocks --steps 500 --out ./taught

All tensors of the student move, unless --set trains=blocks or trains=norms says otherwise.
Ctrl-C stops after writing down what is finished; the same command with --resume goes on from there.`,
    )
    .action(distillAction)
  return outputFlags(runFlags(trainFlags(command)))
}

async function distillAction(student: string, flags: DistillFlags): Promise<void> {
  const { checkTrainRecipe } = await import('@sinter/engine')
  const { teacher, divergence, temperature, alpha } = flags
  const recipe = checkTrainRecipe({
    ...recipeParts(student, flags),
    method: { name: 'full', ...setOf('method', flags.set) },
    teacher,
    // Which divergences there are is for the recipe's check to say.
    loss: given({ divergence: divergence as never, temperature, alpha }),
  })
  await runTraining(recipe, flags.out, flags)
}
