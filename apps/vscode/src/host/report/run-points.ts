import { basename } from 'node:path'
import type { RunPoint } from '../../shared/report-messages.ts'
import type { ShownRun } from '../runs/run-list.ts'

/** Runs of the same model that have ended well, the smallest first. */
export const runPoints = (runs: readonly ShownRun[], { workspace, run: shown }: ShownRun): RunPoint[] =>
  runs
    .flatMap(({ workspace: folder, run }): RunPoint[] =>
      run.result && run.state === 'done' && run.model === shown.model && folder === workspace
        ? [
            {
              id: run.id,
              name: basename(run.out),
              methods: run.methods.join(', '),
              outputBytes: run.result.outputBytes,
              bitsPerWeight: run.result.bitsPerWeight,
              kl: run.result.kl,
              perplexity: run.result.perplexity,
              here: run.id === shown.id,
            },
          ]
        : [],
    )
    .sort((a, b) => a.outputBytes - b.outputBytes || a.bitsPerWeight - b.bitsPerWeight)
