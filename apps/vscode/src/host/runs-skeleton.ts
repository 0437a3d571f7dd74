import * as vscode from 'vscode'

/** Lists the folders of `.sinter/runs`, newest first. */
export function registerRuns(): vscode.Disposable {
  const changed = new vscode.EventEmitter<undefined>()
  const watcher = vscode.workspace.createFileSystemWatcher('**/.sinter/runs/*')
  const provider: vscode.TreeDataProvider<vscode.Uri> = {
    onDidChangeTreeData: changed.event,
    getChildren: async element => (element ? [] : (await Promise.all(folders().map(runsIn))).flat()),
    getTreeItem: uri => {
      const item = new vscode.TreeItem(uri, vscode.TreeItemCollapsibleState.None)
      item.iconPath = new vscode.ThemeIcon('history')
      return item
    },
  }
  return vscode.Disposable.from(
    changed,
    watcher,
    watcher.onDidCreate(() => changed.fire(undefined)),
    watcher.onDidDelete(() => changed.fire(undefined)),
    vscode.window.createTreeView('sinter.runs', { treeDataProvider: provider }),
    vscode.commands.registerCommand('sinter.showRuns', () => vscode.commands.executeCommand('sinter.runs.focus')),
  )
}

const folders = (): readonly vscode.Uri[] => (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri)

async function runsIn(folder: vscode.Uri): Promise<vscode.Uri[]> {
  const place = vscode.Uri.joinPath(folder, '.sinter', 'runs')
  const entries = await Promise.resolve(vscode.workspace.fs.readDirectory(place)).catch(() => [])
  const runs = entries.filter(([, type]) => type === vscode.FileType.Directory).map(([name]) => name)
  return runs
    .sort()
    .reverse()
    .map(name => vscode.Uri.joinPath(place, name))
}
