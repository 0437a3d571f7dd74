import { strict as assert } from 'node:assert'
import * as vscode from 'vscode'
import type { InHostTest } from './in-host-test.ts'

const ID = 'sinter.sinter-vscode'

/** What activate() returns. */
interface Started {
  readonly milliseconds: number
  readonly processorMilliseconds: number
}

interface Manifest {
  readonly contributes: { readonly commands: readonly { readonly command: string }[] }
}

function extension(): vscode.Extension<unknown> {
  const found = vscode.extensions.getExtension(ID)
  assert.ok(found, `${ID} is not installed`)
  return found
}

export const activationTests: readonly InHostTest[] = [
  {
    name: 'activates, and tells what it cost',
    async run() {
      const found = extension()
      const before = found.isActive
      const started = performance.now()
      const own = (await found.activate()) as Started
      const whole = performance.now() - started
      return (
        `its own part ${own.milliseconds.toFixed(1)} ms (${own.processorMilliseconds.toFixed(1)} ms of processor), ` +
        `${before ? 'before the tests began' : `with the workbench's ${whole.toFixed(1)} ms`}`
      )
    },
  },
  {
    name: 'registers every command that the manifest declares, and no other',
    async run() {
      const { contributes } = extension().packageJSON as Manifest
      const declared = contributes.commands.map(({ command }) => command)
      // The workbench makes commands of its own for every view.
      const own = (name: string): boolean => name.startsWith('sinter.') && !name.startsWith('sinter.runs')
      const registered = (await vscode.commands.getCommands(true)).filter(own)
      assert.deepEqual(registered.sort(), declared.filter(own).sort())
      return `${registered.length} commands`
    },
  },
  {
    name: 'copies diagnostics that name no file',
    async run() {
      await vscode.commands.executeCommand('sinter.copyDiagnostics')
      const text = await vscode.env.clipboard.readText()
      assert.match(text, /^Sinter: \d+\.\d+\.\d+\nVS Code: /)
      assert.ok(!text.includes('/'), text)
      return undefined
    },
  },
]
