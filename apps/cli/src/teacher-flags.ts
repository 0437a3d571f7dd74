import type { TrainRecipeInput } from '@sinter/engine'
import { type Command, Option } from 'commander'
import { UsageError } from './failure.ts'
import { collect, decimal, wholeNumber } from './flags.ts'
import { given } from './given.ts'

/** Who is learnt from, and how. */
export interface TeacherFlags {
  readonly teacher?: readonly string[]
  readonly teacherUrl?: string
  readonly teacherName?: string
  readonly teacherStyle?: string
  readonly teacherKey?: string
  readonly teacherCache?: string
  readonly divergence?: string
  readonly temperature?: number
  readonly alpha?: number
  readonly top?: number
  readonly rest?: string
  readonly combine?: string
  readonly hidden?: boolean
  readonly relations?: boolean
}

export function teacherFlags(command: Command): Command {
  return command
    .optionsGroup('Teacher:')
    .addOption(
      new Option('--teacher <model>', 'to learn from, with the same tokenizer; several times for several').argParser(
        collect,
      ),
    )
    .option('--teacher-cache <folder>', 'ask beforehand, and keep the most probable tokens here')
    .option('--teacher-url <url>', 'an OpenAI-compatible server, up to and with the version: http://localhost:8000/v1')
    .option('--teacher-name <name>', 'of the model, as the server calls it')
    .option('--teacher-style <style>', 'how it is asked: prompt-logprobs (vLLM), echo, next-token (llama.cpp)')
    .option('--teacher-key <variable>', 'environment variable that has the key')
    .optionsGroup('Loss:')
    .option('--divergence <name>', 'from the teacher: forward-kl, reverse-kl, jsd, skew-kl, …; default: forward-kl')
    .addOption(new Option('--temperature <t>', 'divides the logits of both; default: 1').argParser(decimal(0, 100)))
    .addOption(
      new Option('--alpha <share>', 'of the divergence; the rest is the loss of the text; default: 0.5').argParser(
        decimal(0, 1),
      ),
    )
    .addOption(
      new Option('--top <k>', 'of a cache or server: how many tokens; default: 32').argParser(wholeNumber(1, 4096)),
    )
    .option('--rest <how>', 'of a cache or server: tail or renormalise; default: tail')
    .option('--combine <how>', 'of several teachers: mixture, logits or losses; default: mixture')
    .option('--hidden', 'hidden states follow those of the teacher, besides')
    .option('--relations', 'how positions look at each other follows the teacher, besides')
}

/** What the flags say of a recipe. @throws UsageError when they name nobody, or a server without a cache */
export function teacherParts(flags: TeacherFlags): Pick<TrainRecipeInput, 'teacher' | 'loss' | 'features'> {
  const { divergence, temperature, alpha, top: k, rest, combine, hidden, relations } = flags
  return {
    teacher: teacherOf(flags),
    // Which of these fit together is for the recipe's check to say.
    loss: given({
      divergence: divergence as never,
      temperature,
      alpha,
      k,
      rest: rest as never,
      combine: combine as never,
    }),
    ...((hidden || relations) && { features: { ...(hidden && { hidden: {} }), ...(relations && { relations: {} }) } }),
  }
}

function teacherOf({
  teacher = [],
  teacherUrl: url,
  teacherName: name,
  teacherStyle: style,
  teacherKey: keyVariable,
  teacherCache: cache,
}: TeacherFlags): TrainRecipeInput['teacher'] {
  if (url !== undefined) {
    if (teacher.length > 0) throw new UsageError('give either --teacher or --teacher-url')
    if (name === undefined || style === undefined || cache === undefined)
      throw new UsageError(
        '--teacher-url also wants --teacher-name, --teacher-style, and --teacher-cache, a folder where its answers are kept',
      )
    return { url, name, cache, style: style as never, ...given({ keyVariable }) }
  }
  if (cache !== undefined) {
    if (teacher.length > 1) throw new UsageError('--teacher-cache keeps the answers of one teacher')
    return { cache, ...given({ model: teacher[0] }) }
  }
  if (teacher.length === 0) throw new UsageError('who is learnt from? Give --teacher, --teacher-url or --teacher-cache')
  return teacher.length === 1 ? teacher[0]! : teacher
}
