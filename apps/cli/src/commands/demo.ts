import { Command } from 'commander'
import { type OutputFlags, outputFlags, threadsFlag } from '../flags.ts'

export interface DemoFlags extends OutputFlags {
  readonly out: string
  readonly threads?: number
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Compresses the small model that comes with Sinter by three recipes and compares them')
    .option('--out <folder>', 'where the report and the GGUF file go', './sinter-demo')
    .addOption(threadsFlag())
    .addHelpText(
      'after',
      `
Example:
  sinter demo

It needs no network and no other file, and takes some seconds.`,
    )
    .action(async (flags: DemoFlags) => (await import('../demo/run-demo.ts')).runDemo(flags))
  return outputFlags(command)
}
