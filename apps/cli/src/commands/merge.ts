import type { MergeResult } from '@sinter/engine'
import { Command } from 'commander'
import { type OutputFlags, outputFlags, progressMode } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { createProgress } from '../terminal/progress.ts'
import { facts } from '../terminal/table.ts'

interface MergeFlags extends OutputFlags {
  readonly model: string
  readonly out: string
  readonly format?: string
  readonly backbone?: string
}

export function mergeCommand(): Command {
  const command = new Command('merge')
    .description('Adds an adapter to the model that it was trained on')
    .argument('<adapter>', 'a PEFT folder (adapter_config.json and adapter_model.safetensors), or a .gguf adapter')
    .requiredOption('--model <model>', 'the model that it was trained on')
    .requiredOption('--out <path>', 'folder to make (or .gguf file); it appears when it is complete')
    .option('--format <format>', 'hf, hf:bf16, or gguf:TYPE such as gguf:Q8_0')
    .option('--backbone <method>', 'round the matrices first, as they were in training: nf4 for qlora')
    .addHelpText(
      'after',
      `
Examples:
  sinter merge ./adapter --model ./model --out ./tuned
  sinter merge adapter.gguf --model ./model --out ./tuned
  sinter merge ./adapter --model ./model --backbone nf4 --out tuned.gguf --format gguf:Q8_0`,
    )
    .action(mergeAction)
  return outputFlags(command)
}

async function mergeAction(adapter: string, flags: MergeFlags): Promise<void> {
  const result = await interruptible(
    signal => merge(adapter, flags, signal),
    () => 'nothing was kept; run it again',
  )
  if (flags.json)
    printJson({ adapter, model: flags.model, out: result.path, layers: result.layers, ranks: result.ranks })
  else if (!flags.quiet) print(describe(result))
}

async function merge(adapter: string, flags: MergeFlags, signal: AbortSignal): Promise<MergeResult> {
  const { mergeAdapter } = await import('@sinter/engine')
  const { model, out, format, backbone } = flags
  const progress = createProgress({ mode: progressMode(flags) })
  try {
    const onProgress = (done: number, total: number) => progress.update('write', done, total, 'tensors')
    return await mergeAdapter(adapter, { model, out, format, backbone, signal, onProgress })
  } finally {
    progress.end()
  }
}

const describe = ({ path, layers, ranks }: MergeResult): string =>
  facts([
    ['written', path],
    ['layers', String(layers)],
    ['rank', ranks.join(', ')],
  ])
