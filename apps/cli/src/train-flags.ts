import type { TrainRecipeInput } from '@sinter/engine'
import type { DataFormat } from '@sinter/model'
import { type Command, Option } from 'commander'
import { dataFormats } from './data-formats.ts'
import { UsageError } from './failure.ts'
import { collect, decimal, threadsFlag, wholeNumber } from './flags.ts'
import { assignment, given } from './given.ts'

/** Flags of every command that trains. */
export interface RunFlags {
  readonly resume?: boolean
  readonly report: boolean
  readonly threads?: number
}

/** What stands in a recipe, in short form. */
export interface TrainFlags {
  readonly data: string
  readonly dataFormat?: DataFormat
  readonly separator?: string
  readonly textField?: string
  readonly promptField?: string
  readonly completionField?: string
  readonly skipEmpty?: boolean
  readonly length?: number
  readonly packing: boolean
  readonly heldOut?: number
  readonly steps?: number
  readonly epochs?: number
  readonly batch?: number
  readonly accumulate?: number
  readonly learningRate?: number
  readonly schedule?: string
  readonly optimizer?: string
  readonly clip?: number
  readonly patience?: number
  readonly saveEvery?: number
  readonly seed?: number
  readonly format?: string
  readonly set?: readonly string[]
}

export function runFlags(command: Command): Command {
  return command
    .optionsGroup('Run:')
    .option('--resume', 'go on with the unfinished run beside --out')
    .option('--no-report', 'write no report beside the result')
    .addOption(threadsFlag())
    .optionsGroup('Other:')
}

export function trainFlags(command: Command): Command {
  return stepFlags(dataFlags(command))
    .optionsGroup('Output:')
    .option('--format <format>', 'hf, hf:bf16, or gguf:TYPE such as gguf:Q8_0')
}

function dataFlags(command: Command): Command {
  return command
    .optionsGroup('Data:')
    .requiredOption(
      '--data <path>',
      'a file, a folder, or - for standard input; sinter data inspect shows what it holds',
    )
    .addOption(
      new Option('--data-format <name>', 'default: by the name of each file and its first line').choices([
        ...dataFormats,
      ]),
    )
    .option('--separator <line>', 'text: the line between two documents; otherwise a file is one document')
    .option('--text-field <name>', 'jsonl: default: text')
    .option('--prompt-field <name>', 'prompt-completion: default: prompt')
    .option('--completion-field <name>', 'prompt-completion: default: completion')
    .option('--skip-empty', 'leave documents out that have nothing to learn')
    .addOption(new Option('--length <n>', 'tokens of a row; default: 512').argParser(wholeNumber(2, 131072)))
    .option('--no-packing', 'one document in a row')
    .addOption(
      new Option('--held-out <share>', 'of the documents, to look at the loss on; default: 0.02').argParser(
        decimal(0, 1),
      ),
    )
}

function stepFlags(command: Command): Command {
  return command
    .optionsGroup('Training:')
    .addOption(new Option('--steps <n>', 'optimizer steps').argParser(wholeNumber(1, 1e6)).conflicts('epochs'))
    .addOption(new Option('--epochs <n>', 'or: times that all rows are read; default: 1').argParser(decimal(0, 1000)))
    .addOption(new Option('--batch <n>', 'rows of a forward pass; default: 8').argParser(wholeNumber(1, 4096)))
    .addOption(new Option('--accumulate <n>', 'forward passes of a step').argParser(wholeNumber(1, 4096)))
    .addOption(new Option('--learning-rate <x>', 'the full rate; default: 1e-4').argParser(decimal(0, 10)))
    .option('--schedule <name>', 'of the rate: constant, linear, cosine, wsd, …; default: cosine')
    .option('--optimizer <name>', 'adamw, adamw-8bit, lion, …; default: adamw')
    .addOption(new Option('--clip <norm>', 'largest norm of all gradients; 0: not clipped').argParser(decimal(0, 1e9)))
    .addOption(
      new Option('--patience <n>', 'ends after so many looks without a lower held-out loss').argParser(
        wholeNumber(1, 1e6),
      ),
    )
    .addOption(new Option('--save-every <n>', 'steps between checkpoints').argParser(wholeNumber(1, 1e6)))
    .addOption(new Option('--seed <n>', 'of everything drawn at random').argParser(wholeNumber(0, 2 ** 53 - 1)))
    .addOption(
      new Option(
        '--set <key=value>',
        'another option of the method, or optimizer.KEY or schedule.KEY; may be repeated',
      ).argParser(collect),
    )
}

/** The part of a recipe that the flags stand for. */
export function recipeParts(model: string, flags: TrainFlags): Omit<TrainRecipeInput, 'method'> {
  const { batch, accumulate, learningRate, clip, patience, saveEvery, seed } = flags
  const { dataFormat, separator, textField, promptField, completionField, skipEmpty, length, heldOut } = flags
  const data = { format: dataFormat, separator, textField, promptField, completionField, skipEmpty, length, heldOut }
  return {
    version: 1,
    model,
    data: { path: flags.data, packing: flags.packing, ...given(data) },
    ...given({ batch, accumulate, learningRate, clip, patience, saveEvery, seed }),
    ...(flags.steps === undefined ? { epochs: flags.epochs ?? 1 } : { steps: flags.steps }),
    ...named(flags),
    ...(flags.format !== undefined && { output: { format: flags.format } }),
  }
}

/** Warm-up of a schedule that is named on the command line, as the recipe's default has it. */
const WARMUP = 0.03

function named({ optimizer, schedule, set }: TrainFlags): Pick<TrainRecipeInput, 'optimizer' | 'schedule'> {
  const [ofOptimizer, ofSchedule] = [setOf('optimizer', set), setOf('schedule', set)]
  const wanted = (name: string | undefined, options: object) => name !== undefined || Object.keys(options).length > 0
  return {
    ...(wanted(optimizer, ofOptimizer) && { optimizer: { name: optimizer ?? 'adamw', ...ofOptimizer } }),
    // Which options a schedule has is for the recipe's check to say.
    ...(wanted(schedule, ofSchedule) && {
      schedule: { name: schedule ?? 'cosine', warmup: WARMUP, ...ofSchedule } as never,
    }),
  }
}

/** What `--set` says of the method (without a section), the optimizer or the schedule. */
export function setOf(
  section: 'method' | 'optimizer' | 'schedule',
  set: readonly string[] = [],
): Record<string, unknown> {
  const pairs = set.map(assignment).map(([key, value]) => {
    const [first, second] = key.split('.', 2)
    return second === undefined ? (['method', key, value] as const) : ([first, second, value] as const)
  })
  const stray = pairs.find(([of]) => !['method', 'optimizer', 'schedule'].includes(of!))
  if (stray) throw new UsageError(`--set ${stray[0]}.${stray[1]}: expected KEY, optimizer.KEY or schedule.KEY`)
  return Object.fromEntries(pairs.filter(([of]) => of === section).map(([, key, value]) => [key, value]))
}
