import type { Conversion, ConversionRow, ConvertResult } from '@sinter/engine'
import { Command, Option } from 'commander'
import { UsageError } from '../failure.ts'
import { type OutputFlags, outputFlags, progressMode, threadsFlag, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { type Counted, collapse, counted } from '../terminal/collapse.ts'
import { createProgress } from '../terminal/progress.ts'
import { facts, table } from '../terminal/table.ts'
import { bytes, duration } from '../terminal/units.ts'

interface ConvertFlags extends OutputFlags {
  readonly to: string
  readonly out?: string
  readonly imatrix?: string
  readonly threads?: number
  readonly shardSize?: number
  readonly dryRun?: boolean
}

export function convertCommand(): Command {
  const command = new Command('convert')
    .description('Writes a model in another format, or in other types of numbers, without calibration')
    .argument('<model>', 'folder, .safetensors or .gguf')
    .requiredOption('--to <format>', 'gguf:MIX, such as gguf:Q4_K_M (llama.cpp’s presets), hf, hf:bf16, onnx:q4')
    .option('--out <path>', 'file or folder to make; it appears when it is complete')
    .option('--imatrix <file>', 'importance of columns, from sinter imatrix or llama-imatrix')
    .addOption(
      new Option('--shard-size <bytes>', 'gguf: most bytes in a file, such as 4e9; default: one file').argParser(
        wholeNumber(1, Number.MAX_SAFE_INTEGER),
      ),
    )
    .option('--dry-run', 'show what every tensor would be, and write nothing')
    .addOption(threadsFlag())
    .addHelpText(
      'after',
      `
Examples:
  sinter convert ./model --to gguf:Q4_K_M --out model.gguf
  sinter convert ./model --to gguf:IQ2_XS --imatrix imatrix.gguf --out small.gguf
  sinter convert model.gguf --to gguf:Q5_K_M --dry-run
  sinter convert model.gguf --to hf:bf16 --out ./model
  sinter convert ./model --to onnx:q4 --out ./web

A mix gives every tensor the type that llama-quantize would, byte for byte. What cannot be kept exactly is said
before anything is written.`,
    )
    .action(convertAction)
  return outputFlags(command)
}

async function convertAction(path: string, flags: ConvertFlags): Promise<void> {
  const { openConversion } = await import('@sinter/engine')
  const conversion = await openConversion(path, flags)
  try {
    const out = flags.dryRun ? undefined : outOf(flags)
    if (!flags.json && !(flags.quiet && out !== undefined)) print(describe(conversion, flags.dryRun === true))
    if (out === undefined) return flags.json ? printJson(toJson(conversion)) : undefined
    const result = await interruptible(
      signal => run(conversion, out, flags, signal),
      () => 'nothing was kept; run it again',
    )
    if (flags.json) printJson({ ...toJson(conversion), ...result })
    else if (!flags.quiet) print(describeResult(result))
  } finally {
    await conversion.close()
  }
}

function outOf({ out }: ConvertFlags): string {
  if (out !== undefined) return out
  throw new UsageError('expected --out PATH, or --dry-run to write nothing')
}

async function run(
  conversion: Conversion,
  out: string,
  flags: ConvertFlags,
  signal: AbortSignal,
): Promise<ConvertResult> {
  const progress = createProgress({ mode: progressMode(flags) })
  const events = conversion.write({ out, threads: flags.threads, shardBytes: flags.shardSize, signal })
  try {
    while (true) {
      const { done, value } = await events.next()
      if (done) return value
      progress.update(value.stage, value.done, value.total, value.unit)
    }
  } finally {
    progress.end()
  }
}

function toJson({ input, output, rows, inputBytes, bytes: tensorBytes, losses, notes }: Conversion) {
  return {
    model: input,
    to: `${output.container}:${output.encoding}`,
    inputBytes,
    tensorBytes,
    bitsPerWeight: (8 * tensorBytes) / weights(rows),
    losses,
    notes,
    tensors: rows,
  }
}

const weights = (rows: readonly ConversionRow[]): number =>
  rows.reduce((sum, { shape }) => sum + shape.reduce((size, dim) => size * dim, 1), 0)

function describe(conversion: Conversion, everything: boolean): string {
  const { rows, output, inputBytes, bytes: tensorBytes, losses, notes } = conversion
  const bits = ((8 * tensorBytes) / weights(rows)).toFixed(2)
  const weighed = rows.filter(row => row.weighed).length
  const summary = facts([
    ['from', `${conversion.input} (${bytes(inputBytes)})`],
    ['to', `${output.container}:${output.encoding} (${bytes(tensorBytes)}, ${bits} bits a weight)`],
    ['importance', weighed > 0 ? `of ${weighed} matrices` : undefined],
    ...lines('not exact', losses.length > 0 ? losses : ['nothing: every number is kept as it is']),
    ...lines('note', notes),
  ])
  const named = rows.map(row => ({ ...row, name: row.tensor }))
  const shown = everything ? counted(named) : collapse(named, ({ from, to, shape }) => `${from} ${to} ${shape}`)
  return `${tensorTable(shown)}\n\n${summary}\n`
}

const lines = (name: string, texts: readonly string[]): [string, string][] =>
  texts.map((text, i) => [i === 0 ? name : '', text])

function tensorTable(rows: readonly Counted<ConversionRow & { readonly name: string }>[]): string {
  return table(rows, [
    { title: 'tensor', value: row => row.name },
    { title: 'count', value: row => String(row.count), align: 'right' },
    { title: 'shape', value: row => row.shape.join(' × ') },
    { title: 'from', value: row => row.from },
    { title: 'to', value: row => row.to },
    { title: 'size', value: row => bytes(row.bytes), align: 'right' },
    { title: 'why', value: row => row.note ?? '' },
  ])
}

const describeResult = ({ path, outputBytes, seconds, notes }: ConvertResult): string =>
  facts([['written', `${path} (${bytes(outputBytes)})`], ['time', duration(seconds)], ...lines('note', notes)])
