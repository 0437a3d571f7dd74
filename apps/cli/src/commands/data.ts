import type { DataFormat, DataStatistics, Documents, Model } from '@sinter/model'
import { Command, Option } from 'commander'
import { describeData } from '../data-facts.ts'
import { dataFormats } from '../data-formats.ts'
import { type OutputFlags, outputFlags, progressMode, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { requireTokenizer } from '../require-tokenizer.ts'
import { createProgress } from '../terminal/progress.ts'
import { writeDataCommand } from './data-write.ts'

interface InspectFlags extends OutputFlags {
  readonly model: string
  readonly format?: DataFormat
  readonly length?: number
  readonly separator?: string
  readonly textField?: string
  readonly promptField?: string
  readonly completionField?: string
  readonly eos: boolean
  readonly skipEmpty?: boolean
}

export function dataCommand(): Command {
  return new Command('data')
    .description('Training data: looks at it before anything is trained on it, or lets a model write it')
    .helpCommand(false)
    .addCommand(inspectDataCommand())
    .addCommand(writeDataCommand())
    .addHelpText(
      'after',
      `
Examples:
  sinter data inspect train.jsonl --model ./model
  sinter data inspect ./texts --model ./model --length 512 --json
  sinter data write ./model --count 2048 --out own.jsonl`,
    )
}

function inspectDataCommand(): Command {
  const command = new Command('inspect')
    .description('Documents, tokens, lengths, padding, duplicates, and the first example with what is learnt of it')
    .argument('<path>', 'a file, a folder with .txt, .jsonl and .ndjson files, or - for standard input')
    .requiredOption('--model <model>', 'whose tokenizer and chat template are used')
    .addOption(
      new Option('--format <name>', 'default: by the name of each file and its first line').choices([...dataFormats]),
    )
    .addOption(
      new Option('--length <n>', 'tokens of a row; default: 1024, or the context if it is shorter').argParser(
        wholeNumber(2, 2 ** 23),
      ),
    )
    .option('--separator <line>', 'text: the line between two documents; otherwise a file is one document')
    .option('--text-field <name>', 'jsonl: default: text')
    .option('--prompt-field <name>', 'prompt-completion: default: prompt')
    .option('--completion-field <name>', 'prompt-completion: default: completion')
    .option('--no-eos', 'no end token after a document')
    .option('--skip-empty', 'leave documents out that have nothing to learn, instead of stopping at the first')
    .addHelpText(
      'after',
      `
Formats:
  text               plain text
  jsonl              {"text": …} a line
  chat               {"messages": [{"role": …, "content": …}, …]} a line; the assistant's turns are learnt
  prompt-completion  {"prompt": …, "completion": …} a line; the completion is learnt

Examples:
  sinter data inspect train.jsonl --model ./model
  sinter data inspect stories.txt --separator "<|endoftext|>" --model ./model --length 512
  zcat chats.jsonl.gz | sinter data inspect - --model ./model --json`,
    )
    .action(inspectDataAction)
  return outputFlags(command)
}

async function inspectDataAction(path: string, flags: InspectFlags): Promise<void> {
  const { openModel } = await import('@sinter/model')
  const model = await openModel(flags.model)
  try {
    const statistics = await measure(path, model, flags)
    if (flags.json) printJson({ path, model: flags.model, ...statistics })
    else print(describeData(statistics))
  } finally {
    await model.close()
  }
}

async function measure(path: string, model: Model, flags: InspectFlags): Promise<DataStatistics> {
  const { describeDocuments } = await import('@sinter/model')
  const tokenizer = await requireTokenizer(model)
  const documents = await interruptible(
    signal => read(path, model, flags, signal),
    () => 'nothing was kept of what was read; run it again',
  )
  try {
    return await describeDocuments(documents, { tokenizer, length: flags.length ?? defaultLength(model) })
  } finally {
    await documents.close()
  }
}

const defaultLength = ({ config }: Model): number => Math.min(1024, config.maxPositions)

async function read(path: string, model: Model, flags: InspectFlags, signal: AbortSignal): Promise<Documents> {
  const { openDocuments } = await import('@sinter/model')
  const { format, separator, textField, promptField, completionField, eos, skipEmpty } = flags
  const progress = createProgress({ mode: progressMode(flags) })
  try {
    return await openDocuments(path, {
      tokenizer: await requireTokenizer(model),
      format,
      separator,
      textField,
      promptField,
      completionField,
      appendEos: eos,
      skipEmpty,
      signal,
      onProgress: (done, total) => progress.update('data', done / 1e6, Math.max(done, total) / 1e6, 'MB'),
    })
  } finally {
    progress.end()
  }
}
