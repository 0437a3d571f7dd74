import * as vscode from 'vscode'

/** Commands that the manifest promises and whose part is not merged: a part that registers its own takes its line out. */
const pending = ['sinter.tryIt', 'sinter.exportGguf']

export function registerPending(): vscode.Disposable {
  const say = (name: string) => () => vscode.window.showWarningMessage(`${name}: not in this build`)
  return vscode.Disposable.from(...pending.map(name => vscode.commands.registerCommand(name, say(name))))
}
