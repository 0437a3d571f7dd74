import { Command, Option } from 'commander'
import { withBackend } from '../backend.ts'
import { UsageError } from '../failure.ts'
import { type ComputeFlags, computeFlags, type OutputFlags, outputFlags, progressMode, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { createProgress } from '../terminal/progress.ts'
import { facts } from '../terminal/table.ts'
import { duration } from '../terminal/units.ts'

interface ImatrixFlags extends OutputFlags, ComputeFlags {
  readonly text: string
  readonly out: string
  readonly samples: number
  readonly length: number
}

export function imatrixCommand(): Command {
  const command = new Command('imatrix')
    .description('Which columns of every matrix a text makes use of: llama.cpp’s importance matrix')
    .argument('<model>', 'folder, .safetensors or .gguf')
    .requiredOption('--text <file>', 'plain text of the kind that the model is meant for')
    .requiredOption('--out <file>', 'GGUF file to make, for sinter convert and llama-quantize')
    .addOption(
      new Option('--samples <n>', 'windows from the start of the text').argParser(wholeNumber(1, 1e6)).default(128),
    )
    .addOption(new Option('--length <n>', 'tokens of a window').argParser(wholeNumber(1, 1e6)).default(512))
    .addHelpText(
      'after',
      `
Examples:
  sinter imatrix ./model --text text.txt --out imatrix.gguf
  sinter convert ./model --to gguf:IQ3_XXS --imatrix imatrix.gguf --out small.gguf`,
    )
    .action(imatrixAction)
  return outputFlags(computeFlags(command))
}

async function imatrixAction(path: string, flags: ImatrixFlags): Promise<void> {
  const { checkOutput, collectImportance } = await import('@sinter/engine')
  const { writeImatrix } = await import('@sinter/model')
  const { text, out, samples, length } = flags
  if (!out.endsWith('.gguf')) throw new UsageError(`expected a name that ends in .gguf for --out, got ${out}`)
  await checkOutput(out, { container: 'gguf', encoding: 'F32' }, path)
  const started = performance.now()
  const progress = createProgress({ mode: progressMode(flags) })
  const onProgress = (done: number, total: number) => progress.update('collect', done, total, 'blocks')
  const matrix = await interruptible(
    signal =>
      withBackend(flags, backend => collectImportance(path, { text, samples, length, backend, signal, onProgress })),
    () => 'nothing was kept; run it again',
  ).finally(() => progress.end())
  await writeImatrix(out, matrix)
  const seconds = (performance.now() - started) / 1000
  const tokens = samples * length
  const result = { model: path, out, entries: matrix.entries.size, tokens, seconds }
  if (flags.json) printJson(result)
  else if (!flags.quiet)
    print(
      facts([
        ['written', `${out}: ${matrix.entries.size} matrices over ${tokens} tokens`],
        ['time', duration(seconds)],
      ]),
    )
}
