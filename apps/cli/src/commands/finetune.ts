import { Command, Option } from 'commander'
import { decimal, type OutputFlags, outputFlags, wholeNumber } from '../flags.ts'
import { given } from '../given.ts'
import { runTraining } from '../run-training.ts'
import { type RunFlags, recipeParts, runFlags, setOf, type TrainFlags, trainFlags } from '../train-flags.ts'

interface FinetuneFlags extends OutputFlags, RunFlags, TrainFlags {
  readonly out: string
  readonly adapter: string
  readonly rank?: number
  readonly alpha?: number
  readonly targets?: readonly string[]
  readonly adapterOnly?: boolean
}

export function finetuneCommand(): Command {
  const command = new Command('finetune')
    .description(
      'Trains small adapters beside the frozen matrices of a model, and writes the model with them merged in',
    )
    .argument('<model>', 'the model to train')
    .requiredOption('--out <path>', 'folder to make (or .gguf file); it appears when it is complete')
    .optionsGroup('Adapter:')
    .option('--adapter <name>', 'lora, qlora (beside matrices rounded to 4 bits), adalora, dylora, glora', 'lora')
    .option('--adapter-only', 'write the adapter and not the model: a PEFT folder, or a GGUF for llama.cpp')
    .addOption(new Option('--rank <n>', 'width of the adapter; default: 16').argParser(wholeNumber(1, 4096)))
    .addOption(new Option('--alpha <x>', 'it is multiplied by alpha / rank; default: 32').argParser(decimal(0, 1e6)))
    .option('--targets <name...>', 'which layers, by the end of their names: q_proj, mlp.down_proj; default: all')
    .addHelpText(
      'after',
      `
Examples:
  sinter finetune ./model --data train.jsonl --steps 200 --out ./tuned
  sinter finetune ./model --data chats.jsonl --adapter qlora --rank 32 --epochs 2 --out ./tuned
  sinter finetune ./model --data train.jsonl --steps 200 --adapter-only --out ./adapter
  sinter finetune ./model --data stories.txt --separator "<|endoftext|>" --targets q_proj v_proj \\
    --set optimizer.weightDecay=0.1 --steps 500 --out tuned.gguf --format gguf:Q8_0

What is written is the whole model, unless --adapter-only; sinter merge puts both together. Ctrl-C stops after writing down what is finished; the same command with --resume goes
on from there.`,
    )
    .action(finetuneAction)
  return outputFlags(runFlags(trainFlags(command)))
}

async function finetuneAction(model: string, flags: FinetuneFlags): Promise<void> {
  const { adapterParts, checkTrainRecipe } = await import('@sinter/engine')
  const { rank, alpha, targets } = flags
  const adapter = adapterParts(flags.adapter, { ...given({ rank, alpha, targets }), ...setOf('method', flags.set) })
  const output = given({ format: flags.format, adapterOnly: flags.adapterOnly })
  await runTraining(checkTrainRecipe({ ...recipeParts(model, flags), ...adapter, output }), flags.out, flags)
}
