import type { Evaluation } from '@sinter/eval'
import type { Model } from '@sinter/model'
import { Command, Option } from 'commander'
import { withBackend } from '../backend.ts'
import { type ComputeFlags, computeFlags, type OutputFlags, outputFlags, progressMode, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { qualityFacts, qualityNumbers } from '../quality-facts.ts'
import { createProgress } from '../terminal/progress.ts'
import { facts } from '../terminal/table.ts'
import { duration } from '../terminal/units.ts'

interface EvalFlags extends OutputFlags, ComputeFlags {
  readonly text: string
  readonly base?: string
  readonly windows?: number
  readonly length: number
  readonly protocol: 'A' | 'B'
}

export function evalCommand(): Command {
  const command = new Command('eval')
    .description('Perplexity on a text and, beside the original, how far the predictions moved')
    .argument('<model>', 'the model to measure')
    .requiredOption('--text <file>', 'plain text that the model was not calibrated on')
    .option('--base <original>', 'adds the KL divergence from this model and how often both agree')
    .addOption(
      new Option('--windows <n>', 'windows from the start of the text; default: all').argParser(wholeNumber(1, 1e6)),
    )
    .addOption(new Option('--length <n>', 'tokens of a window').argParser(wholeNumber(3, 2 ** 23)).default(1024))
    .addOption(
      new Option('--protocol <name>', 'A: every prediction of windows side by side (GPTQ); B: llama.cpp’s')
        .choices(['A', 'B'])
        .default('A'),
    )
    .addHelpText(
      'after',
      `
Examples:
  sinter eval ./small --text test.txt --windows 10
  sinter eval ./small --base ./model --text test.txt --windows 10 --length 1024 --json

Numbers of different protocols, lengths or tokenizers must not be compared.`,
    )
    .action(evalAction)
  return outputFlags(computeFlags(command))
}

async function evalAction(path: string, flags: EvalFlags): Promise<void> {
  const { openModel } = await import('@sinter/model')
  const started = performance.now()
  const model = await openModel(path)
  const base = flags.base === undefined ? undefined : await openModel(flags.base)
  try {
    const evaluation = await measure(model, base, flags)
    const seconds = (performance.now() - started) / 1000
    if (flags.json) printJson(toJson(path, flags, evaluation, seconds))
    else print(describe(evaluation, seconds))
  } finally {
    await model.close()
    await base?.close()
  }
}

async function measure(model: Model, base: Model | undefined, flags: EvalFlags): Promise<Evaluation> {
  const { evaluate } = await import('@sinter/eval')
  const { readText } = await import('../read-text.ts')
  const text = await readText(flags.text, '--text')
  const progress = createProgress({ mode: progressMode(flags) })
  try {
    return await interruptible(
      signal =>
        withBackend(flags, backend =>
          evaluate({
            model,
            base,
            text,
            backend,
            signal,
            windows: flags.windows,
            length: flags.length,
            protocol: flags.protocol,
            onProgress: ({ stage, done, total }) => progress.update(stages[stage], done, total, 'tokens'),
          }),
        ),
      () => 'nothing was kept of the measurement; run it again',
    )
  } finally {
    progress.end()
  }
}

const stages = { base: 'original', model: 'model', head: 'predictions' } as const

/** The numbers that scripts ask for first, flat; the whole evaluation with percentiles under `evaluation`. */
function toJson(model: string, { base }: EvalFlags, evaluation: Evaluation, seconds: number): Record<string, unknown> {
  return { model, ...(base !== undefined && { base }), ...qualityNumbers(evaluation), seconds, evaluation }
}

const describe = (evaluation: Evaluation, seconds: number): string =>
  facts([...qualityFacts(evaluation), ['time', duration(seconds)]])
