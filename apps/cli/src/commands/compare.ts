import type { WeightChange } from '@sinter/engine'
import type { Model } from '@sinter/model'
import { Command, Option } from 'commander'
import { withBackend } from '../backend.ts'
import { type ComputeFlags, computeFlags, type OutputFlags, outputFlags, progressMode, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { createProgress } from '../terminal/progress.ts'
import { type Column, table } from '../terminal/table.ts'
import { bytes, percent, short } from '../terminal/units.ts'

interface CompareFlags extends OutputFlags, ComputeFlags {
  readonly text?: string
  readonly windows: number
  readonly length: number
}

export function compareCommand(): Command {
  const command = new Command('compare')
    .description('A table of an original and models made from it: size, change of the weights, quality')
    .argument('<original>', 'what the others are compared with')
    .argument('<models...>', 'compressed models')
    .option('--text <file>', 'adds perplexity, KL divergence and agreement on this text')
    .addOption(new Option('--windows <n>', 'windows of the text').argParser(wholeNumber(1, 1e6)).default(10))
    .addOption(new Option('--length <n>', 'tokens of a window').argParser(wholeNumber(3, 2 ** 23)).default(1024))
    .addHelpText(
      'after',
      `
Examples:
  sinter compare ./model ./small ./smaller
  sinter compare ./model ./small small.gguf --text test.txt --windows 10`,
    )
    .action(compareAction)
  return outputFlags(computeFlags(command))
}

interface CompareRow {
  readonly model: string
  readonly tensorBytes: number
  readonly bitsPerWeight: number
  /** ‖W − W₀‖ / ‖W₀‖ over all matrices that both have. */
  readonly weightChange: number
  readonly perplexity?: number
  readonly kl?: number
  readonly klStandardError?: number
  readonly topAgreement?: number
}

async function compareAction(original: string, paths: readonly string[], flags: CompareFlags): Promise<void> {
  const rows = await interruptible(
    signal => compareAll(original, paths, flags, signal),
    () => 'nothing was kept of the comparison; run it again',
  )
  if (flags.json) return printJson({ original, models: rows })
  print(table(rows, columns(rows)))
}

async function compareAll(
  original: string,
  paths: readonly string[],
  flags: CompareFlags,
  signal: AbortSignal,
): Promise<CompareRow[]> {
  const { openModel, weigh } = await import('@sinter/model')
  const { readText } = await import('../read-text.ts')
  const text = flags.text === undefined ? undefined : await readText(flags.text, '--text')
  const base = await openModel(original)
  const rows: CompareRow[] = []
  try {
    for (const path of [original, ...paths]) {
      const model = await openModel(path)
      try {
        const change = path === original ? 0 : await weightChange(model, base, signal)
        const quality = text === undefined ? {} : await measure(model, base, path, text, flags, signal)
        const { tensorBytes, bitsPerWeight } = weigh(model)
        rows.push({ model: path, tensorBytes, bitsPerWeight, weightChange: change, ...quality })
      } finally {
        await model.close()
      }
    }
    return rows
  } finally {
    await base.close()
  }
}

async function weightChange(model: Model, base: Model, signal: AbortSignal): Promise<number> {
  const { compareWeights, relativeChange } = await import('@sinter/engine')
  const changes: Pick<WeightChange, 'changed' | 'total'>[] = []
  for await (const change of compareWeights(model, base, { signal })) changes.push(change)
  return relativeChange(changes)
}

async function measure(
  model: Model,
  base: Model,
  path: string,
  text: string,
  flags: CompareFlags,
  signal: AbortSignal,
): Promise<Partial<CompareRow>> {
  const { evaluate } = await import('@sinter/eval')
  const progress = createProgress({ mode: progressMode(flags) })
  const { windows, length } = flags
  try {
    const { perplexity, divergence } = await withBackend(flags, backend =>
      evaluate({
        model,
        base: path === base.path ? undefined : base,
        text,
        windows,
        length,
        backend,
        signal,
        onProgress: ({ stage, done, total }) => progress.update(`${path}, ${stage}`, done, total, 'tokens'),
      }),
    )
    return {
      perplexity: perplexity.value,
      ...(divergence && {
        kl: divergence.kl.value,
        klStandardError: divergence.kl.standardError,
        topAgreement: divergence.topAgreement.value,
      }),
    }
  } finally {
    progress.end()
  }
}

function columns(rows: readonly CompareRow[]): Column<CompareRow>[] {
  const number = (value: number | undefined, show: (value: number) => string) =>
    value === undefined || Number.isNaN(value) ? '' : show(value)
  const always: Column<CompareRow>[] = [
    { title: 'model', value: row => row.model },
    { title: 'tensors', value: row => bytes(row.tensorBytes), align: 'right' },
    { title: 'bits/weight', value: row => short(row.bitsPerWeight), align: 'right' },
    { title: 'weight change', value: row => number(row.weightChange, percent), align: 'right' },
  ]
  if (!rows.some(row => row.perplexity !== undefined)) return always
  return [
    ...always,
    { title: 'perplexity', value: row => number(row.perplexity, value => value.toFixed(3)), align: 'right' },
    { title: 'KL (nats)', value: row => number(row.kl, value => value.toFixed(5)), align: 'right' },
    { title: 'same top', value: row => number(row.topAgreement, percent), align: 'right' },
  ]
}
