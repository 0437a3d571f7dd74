import type { GenerateOptions, Model } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { Command, Option } from 'commander'
import { withBackend } from '../backend.ts'
import { type ComputeFlags, computeFlags, decimal, jsonFlag, wholeNumber } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { requireTokenizer } from '../require-tokenizer.ts'

interface GenerateFlags extends ComputeFlags {
  readonly prompt: string
  readonly tokens: number
  readonly greedy?: boolean
  readonly temperature: number
  readonly topK: number
  readonly topP: number
  readonly seed: number
  readonly json?: boolean
}

export function generateCommand(): Command {
  const command = new Command('generate')
    .description('Continues a prompt')
    .argument('<model>', 'the model to run')
    .requiredOption('--prompt <text>', 'how the text begins')
    .addOption(new Option('--tokens <n>', 'at most this many new tokens').argParser(wholeNumber(1, 1e6)).default(64))
    .option('--greedy', 'always the likeliest token')
    .addOption(new Option('--temperature <t>', 'when sampling').argParser(decimal(0, 100)).default(0.8))
    .addOption(new Option('--top-k <k>', 'sample of the k likeliest; 0: all').argParser(wholeNumber(0, 1e9)).default(0))
    .addOption(
      new Option('--top-p <p>', 'sample of the likeliest with this share').argParser(decimal(0, 1)).default(0.95),
    )
    .addOption(new Option('--seed <n>', 'of the sampling').argParser(wholeNumber(0, 2 ** 53 - 1)).default(0))
    .addOption(jsonFlag())
    .addHelpText(
      'after',
      `
Examples:
  sinter generate ./small --prompt "Once upon a time" --tokens 64 --greedy
  sinter generate ./small.gguf --prompt "The capital of" --temperature 0.7 --seed 3`,
    )
    .action(generateAction)
  return computeFlags(command)
}

async function generateAction(path: string, flags: GenerateFlags): Promise<void> {
  const { openModel } = await import('@sinter/model')
  const model = await openModel(path)
  try {
    await interruptible(
      signal => withBackend(flags, backend => continuePrompt(model, backend, flags, signal)),
      () => 'the text ends here',
    )
  } finally {
    await model.close()
  }
}

async function continuePrompt(
  model: Model,
  backend: Backend,
  flags: GenerateFlags,
  signal: AbortSignal,
): Promise<void> {
  const { generate, textStream } = await import('@sinter/model')
  const tokenizer = await requireTokenizer(model)
  const prompt = tokenizer.encode(flags.prompt)
  const write = flags.json ? () => {} : (text: string) => void process.stdout.write(text)
  const stream = textStream(tokenizer, prompt)
  const options: GenerateOptions = { tokens: flags.tokens, seed: flags.seed, signal, ...sampling(flags) }
  let started = performance.now()
  write(flags.prompt)
  for await (const id of generate(model, backend, prompt, options)) {
    // The first token waits for the weights and the prompt; the rate is that of the others.
    if (stream.ids.length === 0) started = performance.now()
    write(stream.push(id))
  }
  const seconds = (performance.now() - started) / 1000
  if (!flags.json) return print('')
  const { ids } = stream
  const rate = ids.length > 1 && seconds > 0 ? (ids.length - 1) / seconds : undefined
  printJson({ prompt: flags.prompt, text: stream.text(), promptIds: prompt, ids, tokensPerSecond: rate })
}

const sampling = ({ greedy, temperature, topK, topP }: GenerateFlags): Partial<GenerateOptions> =>
  greedy ? { temperature: 0 } : { temperature, topK, topP }
