import type { Model, ModelSummary, Opened, TensorSource, Weigh } from '@sinter/model'
import { Command } from 'commander'
import { jsonFlag } from '../flags.ts'
import { print, printJson } from '../print.ts'
import { type Counted, collapse, counted } from '../terminal/collapse.ts'
import { facts, table } from '../terminal/table.ts'
import { amount, bytes, short } from '../terminal/units.ts'

interface InspectFlags {
  readonly json?: boolean
  readonly tensors?: boolean
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('What a model is made of: family, sizes, tensors and how they are stored')
    .argument('<model>', 'folder, .safetensors or .gguf; a file may be an https:// address: only its header is fetched')
    .option('--tensors', 'every tensor on a line of its own; otherwise those of all blocks share one')
    .addOption(jsonFlag())
    .addHelpText(
      'after',
      `
Examples:
  sinter inspect ./model
  sinter inspect model.gguf --tensors
  sinter inspect https://huggingface.co/OWNER/NAME/resolve/main/model.gguf
  sinter inspect ./model --json`,
    )
    .action(inspectAction)
}

async function inspectAction(path: string, flags: InspectFlags): Promise<void> {
  const { openToLook, summarize, weigh } = await import('@sinter/model')
  const opened = await openToLook(path)
  const { model, source, problem } = opened
  try {
    const tensors = tensorRows(source)
    const summary = model && summarize(model)
    if (flags.json)
      return printJson({ path, ...(summary ?? { container: source.kind, problem, ...weigh(opened) }), tensors })
    print(model ? describe(model, summary!) : describeTensors(opened, weigh(opened)))
    print('')
    print(
      tensorTable(
        flags.tensors ? counted(tensors) : collapse(tensors, ({ encoding, shape }) => `${encoding} ${shape}`),
      ),
    )
  } finally {
    await source.close()
  }
}

interface TensorRow {
  readonly name: string
  readonly encoding: string
  readonly shape: readonly number[]
  readonly bytes: number
}

function tensorRows(source: TensorSource): TensorRow[] {
  return source.names().map(name => {
    const { encoding, shape, bytes } = source.info(name)
    return { name, encoding, shape, bytes }
  })
}

function describe(model: Model, summary: ModelSummary): string {
  const { container, family, tokenizer, parameters, tensorBytes, bitsPerWeight, ...config } = summary
  const uneven = model.config.layers.some(({ shape }) => shape) ? '; some blocks are smaller' : ''
  const lacking = /^https?:/i.test(model.path) ? 'not fetched' : 'none'
  const grouped = config.kvHeads === config.heads ? '' : `, ${config.kvHeads} for keys and values`
  return facts([
    ['family', `${family} (${container})`],
    ['parameters', amount(parameters)],
    ['stored', `${bytes(tensorBytes)}, ${short(bitsPerWeight)} bits a weight`],
    ['blocks', `${config.blocks}, ${config.hiddenSize} wide, ${config.intermediateSize} in the MLP${uneven}`],
    ['attention', `${config.heads} heads of ${config.headDim}${grouped}`],
    ['context', `${config.maxPositions} tokens`],
    ['vocabulary', `${config.vocabSize}${config.tied ? ', output embedding tied to the input' : ''}`],
    ['tokenizer', tokenizer ? `${tokenizer.tokens} tokens${tokenizer.chatTemplate ? ', chat template' : ''}` : lacking],
  ])
}

function describeTensors({ source, problem = '' }: Opened, { parameters, tensorBytes, bitsPerWeight }: Weigh): string {
  return facts([
    ['container', source.kind],
    ['parameters', amount(parameters)],
    ['stored', `${bytes(tensorBytes)}, ${short(bitsPerWeight)} bits a weight`],
    ['model', `not known: ${problem}`],
  ])
}

function tensorTable(rows: readonly Counted<TensorRow>[]): string {
  return table(rows, [
    { title: 'tensor', value: row => row.name },
    { title: 'count', value: row => String(row.count), align: 'right' },
    { title: 'type', value: row => row.encoding },
    { title: 'shape', value: row => row.shape.join(' × ') },
    { title: 'size', value: row => bytes(row.bytes), align: 'right' },
  ])
}
