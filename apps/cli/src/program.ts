import { Command } from 'commander'
import { compareCommand } from './commands/compare.ts'
import { compressCommand } from './commands/compress.ts'
import { convertCommand } from './commands/convert.ts'
import { dataCommand } from './commands/data.ts'
import { demoCommand } from './commands/demo.ts'
import { distillCommand } from './commands/distill.ts'
import { evalCommand } from './commands/eval.ts'
import { finetuneCommand } from './commands/finetune.ts'
import { generateCommand } from './commands/generate.ts'
import { imatrixCommand } from './commands/imatrix.ts'
import { inspectCommand } from './commands/inspect.ts'
import { logitsCommand } from './commands/logits.ts'
import { mcpCommand } from './commands/mcp.ts'
import { mergeCommand } from './commands/merge.ts'
import { methodsCommand } from './commands/methods.ts'
import { planCommand } from './commands/plan.ts'
import { runsCommand } from './commands/runs.ts'
import { schemaCommand } from './commands/schema.ts'
import { trainCommand } from './commands/train.ts'
import { verifyCommand } from './commands/verify.ts'
import { colorful } from './terminal/style.ts'
import { version } from './version.ts'

const commands = [
  inspectCommand,
  planCommand,
  compressCommand,
  convertCommand,
  imatrixCommand,
  finetuneCommand,
  distillCommand,
  trainCommand,
  mergeCommand,
  evalCommand,
  compareCommand,
  generateCommand,
  dataCommand,
  logitsCommand,
  verifyCommand,
  runsCommand,
  methodsCommand,
  schemaCommand,
  mcpCommand,
  demoCommand,
]

/** The whole command line. Commands load what they need when they run, so that help comes at once. */
export function createProgram(): Command {
  const program = new Command('sinter')
    .description(
      'Makes language models smaller: prune, quantize, train, distil, measure, and ship to the runtimes people use.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  sinter demo
  sinter inspect ./model
  sinter compress ./model --method gptq --bits 4 --calibration text.txt --out ./small
  sinter finetune ./model --data train.jsonl --steps 200 --out ./tuned
  sinter eval ./small --base ./model --text test.txt

MODEL is a Hugging Face folder, a .safetensors file with its config.json beside it, or a .gguf file.
Each command explains itself: sinter compress --help. Exit codes: 0 done, 1 unexpected, 2 usage,
3 bad input, 4 no space or permission, 5 a runtime computes something else, 6 it is not installed, 130 interrupted.`,
    )
  for (const command of commands) program.addCommand(command())
  shape(program, 'sinter')
  return program
}

/** Errors of the command line go through one place, and end with one code; also those of commands inside commands. */
function shape(command: Command, name: string): void {
  command
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      getOutHasColors: () => colorful(process.stdout),
      getErrHasColors: () => colorful(process.stderr),
    })
    .configureHelp({ styleTitle: text => (colorful(process.stdout) ? `\u001b[1m${text}\u001b[22m` : text) })
    .showHelpAfterError(`(${name} --help shows examples)`)
  for (const inner of command.commands) shape(inner, `${name} ${inner.name()}`)
}
