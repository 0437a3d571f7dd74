import { basename } from 'node:path'
import * as vscode from 'vscode'
import { isOver, type RunStatus } from '../../shared/run-status.ts'
import type { RunList, ShownRun } from './run-list.ts'
import { stateIcon, stateText } from './run-text.ts'

/**
 * The view of runs: one row each. Menus look at `contextValue`. A row that is drawn anew closes its menu and takes no press, so it is
 * drawn anew when it would look different, and alone: a run's signs of life come every second.
 */
export function runTree(runs: RunList): vscode.Disposable {
  const changed = new vscode.EventEmitter<ShownRun | undefined>()
  const drawn = new Map<ShownRun, string>()
  const look = (shown: ShownRun): void => {
    const before = drawn.get(shown)
    const now = JSON.stringify(item(shown))
    if (before === now) return
    drawn.set(shown, now)
    changed.fire(before === undefined ? undefined : shown)
  }
  const provider: vscode.TreeDataProvider<ShownRun> = {
    onDidChangeTreeData: changed.event,
    getChildren: element => (element ? [] : [...runs.all()]),
    getTreeItem: item,
  }
  return vscode.Disposable.from(
    changed,
    runs.onChange(look),
    runs.onGone(shown => {
      drawn.delete(shown)
      changed.fire(undefined)
    }),
    vscode.window.createTreeView('sinter.runs', { treeDataProvider: provider }),
  )
}

function item({ run }: ShownRun): vscode.TreeItem {
  const shown = new vscode.TreeItem(basename(run.out), vscode.TreeItemCollapsibleState.None)
  shown.id = run.id
  shown.description = `${run.methods.join(', ')}  ${stateText(run)}`
  shown.iconPath = stateIcon(run)
  shown.contextValue = contextOf(run)
  // Plain text: names in it come from files.
  shown.tooltip = [run.out, run.model, run.error?.message].filter(part => part !== undefined).join('\n')
  shown.accessibilityInformation = { label: `${shown.label}, ${shown.description}` }
  return shown
}

function contextOf(run: RunStatus): string {
  if (!isOver(run)) return 'run.active'
  const { state, resumable, report } = run
  if (state === 'done') return report ? 'run.done.report' : 'run.done'
  return resumable ? 'run.resumable' : 'run.ended'
}
