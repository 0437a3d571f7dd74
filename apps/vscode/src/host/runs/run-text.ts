import * as vscode from 'vscode'
import type { RunProgress, RunStatus } from '../../shared/run-status.ts'

/** Whole percents; undefined before there is something to count. */
export const percentOf = (progress: RunProgress | null): number | undefined =>
  progress && progress.total > 0 ? Math.floor((100 * progress.done) / progress.total) : undefined

/** How a run is, in a few words. */
export function stateText({ state, progress, result }: RunStatus): string {
  const percent = percentOf(progress)
  switch (state) {
    case 'starting':
      return vscode.l10n.t('starting')
    case 'queued':
      return vscode.l10n.t('waiting')
    case 'running':
      return percent === undefined
        ? vscode.l10n.t('running')
        : vscode.l10n.t('{stage} {percent} %', { stage: progress!.stage, percent })
    case 'cancelled':
      return vscode.l10n.t('stopped')
    case 'failed':
      return vscode.l10n.t('failed')
    case 'done':
      return result
        ? vscode.l10n.t('{bits} bits a weight', { bits: Number(result.bitsPerWeight.toFixed(2)) })
        : vscode.l10n.t('done')
  }
}

const icons: { readonly [S in RunStatus['state']]: string } = {
  starting: 'loading~spin',
  queued: 'clock',
  running: 'sync~spin',
  cancelled: 'debug-pause',
  failed: 'error',
  done: 'pass',
}

export const stateIcon = ({ state }: RunStatus): vscode.ThemeIcon => new vscode.ThemeIcon(icons[state])
