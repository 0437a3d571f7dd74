import type { KeptRun } from '@sinter/engine'
import { Command, Option } from 'commander'
import { jsonFlag } from '../flags.ts'
import { print, printJson } from '../print.ts'
import { table } from '../terminal/table.ts'
import { visible } from '../terminal/visible.ts'

interface RunsFlags {
  readonly stop?: string
  readonly remove?: string
  readonly json?: boolean
}

export function runsCommand(): Command {
  return new Command('runs')
    .description('The runs that a folder keeps, also those that an editor has started there')
    .argument('[folder]', 'a folder that is or was open in an editor', '.')
    .option('--stop <id>', 'ask a run to stop; the editor can resume it')
    .addOption(
      new Option('--remove <id>', 'remove the record of a run that is over; its result stays').conflicts('stop'),
    )
    .addOption(jsonFlag())
    .addHelpText(
      'after',
      `
Examples:
  sinter runs
  sinter runs ~/models --json
  sinter runs --stop 20261126-031500-gptq-1a2b3c
  sinter runs --remove 20261126-031500-gptq-1a2b3c`,
    )
    .action(runsAction)
}

async function runsAction(folder: string, { stop, remove, json }: RunsFlags): Promise<void> {
  const { keptRuns, removeKeptRun, stopKeptRun } = await import('@sinter/engine')
  if (stop !== undefined) {
    await stopKeptRun(folder, stop)
    return json ? printJson({ stopping: stop }) : print(`${stop} was asked to stop`)
  }
  if (remove !== undefined) {
    await removeKeptRun(folder, remove)
    return json ? printJson({ removed: remove }) : print(`${remove} was removed`)
  }
  const runs = await keptRuns(folder)
  if (json) return printJson(runs)
  if (runs.length === 0) return print(`${folder} keeps no runs`)
  print(
    table(runs, [
      { title: 'run', value: ({ id }) => id },
      { title: 'state', value: stateOf },
      {
        title: 'bits a weight',
        value: ({ result }) => (result ? result.bitsPerWeight.toFixed(2) : ''),
        align: 'right',
      },
      { title: 'result', value: ({ out }) => visible(out) },
    ]),
  )
}

function stateOf({ state, progress, error }: KeptRun): string {
  if (state === 'running' && progress && progress.total > 0)
    return visible(`${progress.stage} ${Math.floor((100 * progress.done) / progress.total)} %`)
  return state === 'failed' && error ? visible(`failed: ${error.message.split('\n')[0]!.slice(0, 100)}`) : state
}
