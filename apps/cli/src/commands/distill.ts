import { Command } from 'commander'
import { type OutputFlags, outputFlags } from '../flags.ts'
import { runTraining } from '../run-training.ts'
import { type TeacherFlags, teacherFlags, teacherParts } from '../teacher-flags.ts'
import { type RunFlags, recipeParts, runFlags, setOf, type TrainFlags, trainFlags } from '../train-flags.ts'

interface DistillFlags extends OutputFlags, RunFlags, TrainFlags, TeacherFlags {
  readonly out: string
}

export function distillCommand(): Command {
  const command = new Command('distill')
    .description('Trains a student to predict what a teacher predicts')
    .argument('<student>', 'the model to train')
    .requiredOption('--out <path>', 'folder to make (or .gguf file); it appears when it is complete')
    .addHelpText(
      'after',
      `
Examples:
  sinter distill ./small --teacher ./large --data texts --steps 1000 --out ./taught
  sinter distill ./pruned --teacher ./model --data train.jsonl --divergence reverse-kl --alpha 1 --epochs 1 --out ./healed
  sinter distill ./small --teacher ./large --data texts --temperature 2 --set trains=blocks --steps 500 --out ./taught
  sinter distill ./small --teacher ./one --teacher ./two --combine mixture --data texts --steps 500 --out ./taught
  sinter distill ./small --teacher ./large --teacher-cache ./answers --top 64 --data texts --epochs 3 --out ./taught
  sinter distill ./small --teacher-url http://localhost:8000/v1 --teacher-name large --teacher-style prompt-logprobs \\
    --teacher-cache ./answers --top 20 --data texts --epochs 1 --out ./taught

All tensors of the student move, unless --set trains=blocks or trains=norms says otherwise.
With --teacher-cache the teacher is asked once, before training, and need not fit into memory beside the student.
Ctrl-C stops after writing down what is finished; the same command with --resume goes on from there.`,
    )
    .action(distillAction)
  return outputFlags(runFlags(trainFlags(teacherFlags(command))))
}

async function distillAction(student: string, flags: DistillFlags): Promise<void> {
  const { checkTrainRecipe } = await import('@sinter/engine')
  const recipe = checkTrainRecipe({
    ...recipeParts(student, flags),
    method: { name: 'full', ...setOf('method', flags.set) },
    ...teacherParts(flags),
  })
  await runTraining(recipe, flags.out, flags)
}
