import { arch, availableParallelism, platform, totalmem } from 'node:os'
import * as vscode from 'vscode'

/** *Copy Diagnostics*: what a report of a problem needs, and no name of a file. */
export function registerDiagnostics({ extension }: vscode.ExtensionContext): vscode.Disposable {
  return vscode.commands.registerCommand('sinter.copyDiagnostics', async () => {
    const { get } = vscode.workspace.getConfiguration('sinter')
    const facts = {
      Sinter: String((extension.packageJSON as { version?: unknown }).version),
      'VS Code': `${vscode.version} (${vscode.env.appHost}${vscode.env.remoteName ? `, ${vscode.env.remoteName}` : ''})`,
      'Node of the host': process.version,
      system: `${platform()} ${arch()}`,
      processors: availableParallelism(),
      memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
      trusted: vscode.workspace.isTrusted,
      threads: get('threads'),
      'memory limit': get('memory'),
      'own node': get('nodePath') === '' ? 'no' : 'yes',
    }
    const text = Object.entries(facts).map(([name, value]) => `${name}: ${value}`)
    await vscode.env.clipboard.writeText(`${text.join('\n')}\n`)
    void vscode.window.showInformationMessage(vscode.l10n.t('Diagnostics copied.'))
  })
}
