import * as vscode from 'vscode'
import { type Watch, watchRuns } from '../../engine-client/index.ts'
import type { RunStatus } from '../../shared/run-status.ts'
import { isReadable, pathOf } from '../paths.ts'

/** A run as it is now, and the folder of the workspace that keeps it. */
export interface ShownRun {
  readonly workspace: string
  readonly run: RunStatus
}

/** All runs of the workspace, whoever started them. */
export interface RunList extends vscode.Disposable {
  /** The newest first; of each run always the same object, since a view knows its rows by what they show. */
  all(): readonly ShownRun[]
  find(id: string): ShownRun | undefined
  readonly onChange: vscode.Event<ShownRun>
  /** Its record is there no more, or the folder that kept it is not in the workspace. */
  readonly onGone: vscode.Event<ShownRun>
}

/** A second is soon enough for people, and a look at files that did not change costs next to nothing. */
const EVERY_MS = 1000

/** @param watch tells of the runs that a folder keeps */
export function watchedRuns(watch: typeof watchRuns = watchRuns): RunList {
  const known = new Map<string, { workspace: string; run: RunStatus }>()
  const changed = new vscode.EventEmitter<ShownRun>()
  const gone = new vscode.EventEmitter<ShownRun>()
  const drop = (id: string): void => {
    const shown = known.get(id)
    if (known.delete(id)) gone.fire(shown!)
  }
  const watchOf = (workspace: string): Watch =>
    watch(
      workspace,
      run => {
        const shown = known.get(run.id) ?? { workspace, run }
        shown.run = run
        known.set(run.id, shown)
        changed.fire(shown)
      },
      {
        everyMs: EVERY_MS,
        // A folder that was copied has runs of the same names.
        onGone: id => known.get(id)?.workspace === workspace && drop(id),
      },
    )
  const watches = new Map<string, Watch>()
  // A folder that comes after the first does not start the extension anew.
  const follow = (): void => {
    const folders = (vscode.workspace.workspaceFolders ?? []).filter(({ uri }) => isReadable(uri))
    const now = new Set(folders.map(({ uri }) => pathOf(uri)))
    for (const workspace of now) if (!watches.has(workspace)) watches.set(workspace, watchOf(workspace))
    for (const [workspace, left] of watches) {
      if (now.has(workspace)) continue
      left.close()
      watches.delete(workspace)
      for (const [id, shown] of known) if (shown.workspace === workspace) drop(id)
    }
  }
  follow()
  const following = vscode.workspace.onDidChangeWorkspaceFolders(follow)
  return {
    all: () => [...known.values()].sort((a, b) => b.run.createdAt - a.run.createdAt),
    find: id => known.get(id),
    onChange: changed.event,
    onGone: gone.event,
    dispose() {
      following.dispose()
      for (const watch of watches.values()) watch.close()
      changed.dispose()
      gone.dispose()
    },
  }
}
