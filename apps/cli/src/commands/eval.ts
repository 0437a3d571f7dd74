import type { Evaluation } from '@sinter/eval'
import type { Model } from '@sinter/model'
import { Command, Option } from 'commander'
import { withBackend } from '../backend.ts'
import { type ComputeFlags, computeFlags, type OutputFlags, outputFlags, progressMode, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { createProgress } from '../terminal/progress.ts'
import { facts } from '../terminal/table.ts'
import { duration, percent } from '../terminal/units.ts'

export interface EvalFlags extends OutputFlags, ComputeFlags {
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
export function toJson(
  model: string,
  { base }: Pick<EvalFlags, 'base'>,
  evaluation: Evaluation,
  seconds: number,
): Record<string, unknown> {
  const { perplexity, basePerplexity, divergence } = evaluation
  return {
    model,
    ...(base !== undefined && { base }),
    perplexity: perplexity.value,
    perplexityStandardError: perplexity.standardError,
    ...(basePerplexity && { basePerplexity: basePerplexity.value }),
    ...(divergence && {
      kl: divergence.kl.value,
      klStandardError: divergence.kl.standardError,
      topAgreement: divergence.topAgreement.value,
      topAgreementStandardError: divergence.topAgreement.standardError,
    }),
    windows: evaluation.windows,
    length: evaluation.length,
    predictions: evaluation.predictions,
    seconds,
    evaluation,
  }
}

function describe(evaluation: Evaluation, seconds: number): string {
  const { perplexity, basePerplexity, divergence, windows, length, predictions, protocol } = evaluation
  const within = (value: number, error: number, digits: number) => `${value.toFixed(digits)} ± ${error.toFixed(digits)}`
  return facts([
    ['perplexity', within(perplexity.value, perplexity.standardError, 3)],
    ['of the original', basePerplexity && within(basePerplexity.value, basePerplexity.standardError, 3)],
    ['KL divergence', divergence && `${within(divergence.kl.value, divergence.kl.standardError, 5)} nats`],
    ['KL 99th percentile', divergence && `${divergence.kl.percentiles['99'].toFixed(4)} nats`],
    ['same top token', divergence && percent(divergence.topAgreement.value)],
    ['RMS change of p', divergence && percent(divergence.rmsDeltaP.value)],
    ['measured on', `${predictions} predictions in ${windows} windows of ${length} tokens (protocol ${protocol})`],
    ['time', duration(seconds)],
  ])
}
