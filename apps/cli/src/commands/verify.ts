import type { Verification } from '@sinter/engine'
import { Command, Option } from 'commander'
import { withBackend } from '../backend.ts'
import { type ComputeFlags, computeFlags, decimal, jsonFlag, wholeNumber } from '../flags.ts'
import { print, printJson } from '../print.ts'
import { facts } from '../terminal/table.ts'
import { percent, short } from '../terminal/units.ts'

interface VerifyFlags extends ComputeFlags {
  readonly original?: string
  readonly text?: string
  readonly tokens: number
  readonly tolerance?: number
  readonly python?: string
  readonly json?: boolean
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('Opens a result in the runtime that it is for, and compares what both compute')
    .argument('<result>', 'a .gguf file, an ONNX folder or .onnx file, or a Hugging Face folder')
    .option(
      '--original <model>',
      'the model that it was made from: how far the predictions moved; takes the place of files that Sinter cannot read',
    )
    .option('--text <file>', 'what is predicted; default: some sentences')
    .addOption(new Option('--tokens <n>', 'predictions to compare').argParser(wholeNumber(8, 4096)).default(64))
    .addOption(
      new Option(
        '--tolerance <t>',
        'largest difference of a logit, in standard deviations; default: by the kind of file',
      ).argParser(decimal(0, 1e6)),
    )
    .option('--python <path>', 'the Python that has transformers; default: python3')
    .addOption(jsonFlag())
    .addHelpText(
      'after',
      `
Examples:
  sinter verify small.gguf
  sinter verify small.gguf --original ./model --text test.txt
  sinter verify ./small-onnx
  sinter verify ./small --python ~/venv/bin/python

GGUF files are opened in llama.cpp (npm install node-llama-cpp), ONNX in ONNX Runtime, folders in transformers. Exit codes:
0 they agree, 5 they do not or the runtime does not open it, 6 the runtime is not installed.`,
    )
    .action(verifyAction)
  return computeFlags(command)
}

async function verifyAction(path: string, flags: VerifyFlags): Promise<void> {
  const { verify } = await import('@sinter/engine')
  const { readText } = await import('../read-text.ts')
  const text = flags.text === undefined ? undefined : await readText(flags.text, '--text')
  const { original, tokens, tolerance, python } = flags
  const found = await withBackend(flags, backend =>
    verify(path, { backend, original, text, tokens, tolerance, python }),
  )
  if (flags.json) printJson(found)
  else print(describe(found))
  if (!found.agrees) await disagree(found)
}

async function disagree({ client, sameTokens, path }: Verification): Promise<void> {
  const { SinterError } = await import('@sinter/model')
  const what = sameTokens === false ? 'cuts the text into other tokens' : 'computes something else'
  throw new SinterError('client-differs', `${path}: ${client} ${what} than Sinter`)
}

function describe(found: Verification): string {
  const { difference, tolerance, sameTokens, greedy, original } = found
  const { largest, mean, spread, kl, topAgreement } = difference
  return facts([
    ['result', found.path],
    ['opened in', found.client],
    ['compared with', found.ours === found.path ? 'Sinter' : `Sinter on ${found.ours}`],
    ['predictions', String(found.tokens)],
    ['largest difference', `${inSpreads(largest, spread)}; up to ${short(tolerance)} agrees`],
    ['mean difference', inSpreads(mean, spread)],
    ['KL divergence', `${short(Math.max(0, kl))} nats`],
    ['same top', percent(topAgreement)],
    ['tokenization', sameTokens === undefined ? undefined : sameTokens ? 'the same' : 'not the same'],
    ['Sinter goes on', JSON.stringify(greedy.ours)],
    [`${found.client} goes on`, greedy.same === greedy.tokens ? 'the same' : JSON.stringify(greedy.client)],
    [
      'from the original',
      original && `KL ${short(Math.max(0, original.kl))} nats, same top ${percent(original.topAgreement)}`,
    ],
    ['known differences', found.causes.join('; ')],
    ['agrees', found.agrees ? 'yes' : 'no'],
  ])
}

const inSpreads = (value: number, spread: number): string =>
  `${short(value)}, ${short(value / spread)} standard deviations of the logits`
