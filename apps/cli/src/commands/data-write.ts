import { Command, Option } from 'commander'
import { withBackend } from '../backend.ts'
import { type ComputeFlags, computeFlags, type OutputFlags, outputFlags, progressMode, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { requireTokenizer } from '../require-tokenizer.ts'
import { createProgress } from '../terminal/progress.ts'

interface WriteFlags extends OutputFlags, ComputeFlags {
  readonly out: string
  readonly count: number
  readonly length: number
  readonly seed: number
}

/** Text that a model writes itself, for training without data. */
export function writeDataCommand(): Command {
  const command = new Command('write')
    .description(
      'Lets a model write training text itself: each begins with another token, a few likeliest, then sampled',
    )
    .argument('<model>', 'the model that writes')
    .requiredOption('--out <file>', 'JSONL file; what it holds already is gone on with')
    .addOption(new Option('--count <n>', 'texts').argParser(wholeNumber(1, 1e7)).default(1024))
    .addOption(new Option('--length <n>', 'tokens of a text at most').argParser(wholeNumber(8, 1e6)).default(256))
    .addOption(new Option('--seed <n>', 'of what is drawn').argParser(wholeNumber(0, 2 ** 53 - 1)).default(0))
    .addHelpText(
      'after',
      `
Examples:
  sinter data write ./model --count 2048 --length 256 --out own.jsonl
  sinter train recipe.yaml      # with data: { path: own.jsonl } and the model as its own teacher`,
    )
    .action(writeDataAction)
  return outputFlags(computeFlags(command))
}

async function writeDataAction(path: string, flags: WriteFlags): Promise<void> {
  const { openModel } = await import('@sinter/model')
  const { writeSelfText } = await import('@sinter/distillation')
  const model = await openModel(path)
  const progress = createProgress({ mode: progressMode(flags) })
  try {
    await requireTokenizer(model)
    const { out, count, length, seed } = flags
    const texts = await interruptible(
      signal =>
        withBackend(flags, backend =>
          writeSelfText(model, backend, {
            out,
            count,
            length,
            seed,
            signal,
            onText: (done, total) => progress.update('write', done, total, 'texts'),
          }),
        ),
      () => 'what is written stays; the same command goes on from there',
    )
    progress.end()
    if (flags.json) printJson({ path: out, texts })
    else if (!flags.quiet) print(`${out}: ${texts} texts`)
  } finally {
    progress.end()
    await model.close()
  }
}
