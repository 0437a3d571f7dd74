import { strict as assert } from 'node:assert'
import { setTimeout as wait } from 'node:timers/promises'
import * as vscode from 'vscode'
import type { InHostTest } from './in-host-test.ts'

/** A file of the workspace, written and shown. */
async function open(name: string, recipe: unknown): Promise<vscode.TextDocument> {
  const folder = vscode.workspace.workspaceFolders?.[0]
  assert.ok(folder)
  const uri = vscode.Uri.joinPath(folder.uri, name)
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(`${JSON.stringify(recipe, null, 2)}\n`))
  const document = await vscode.workspace.openTextDocument(uri)
  await vscode.window.showTextDocument(document)
  return document
}

/** Our marks in a document, once there are as many as expected. */
async function marks({ uri }: vscode.TextDocument, count: number): Promise<vscode.Diagnostic[]> {
  const own = () => vscode.languages.getDiagnostics(uri).filter(({ source }) => source === 'sinter')
  for (let tries = 0; tries < 200 && own().length !== count; tries++) await wait(100)
  const found = own()
  assert.equal(found.length, count, found.map(({ message }) => message).join('\n'))
  return found
}

/** Applies the preferred quick fix of a mark. */
async function repair(document: vscode.TextDocument, mark: vscode.Diagnostic): Promise<string> {
  const preferred = async (): Promise<vscode.CodeAction | undefined> => {
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      'vscode.executeCodeActionProvider',
      document.uri,
      mark.range,
    )
    return actions.find(({ isPreferred, edit }) => isPreferred && edit)
  }
  let action = await preferred()
  // The window gets marks a moment after the host has made them, and it is asked about what it has.
  for (let tries = 0; tries < 50 && !action; tries++) {
    await wait(100)
    action = await preferred()
  }
  assert.ok(action?.edit, `no quick fix for ${mark.message}`)
  assert.ok(await vscode.workspace.applyEdit(action.edit))
  return action.title
}

const recipe = (step: object, more: object = {}) => ({ version: 1, model: 'demo-model', steps: [step], ...more })

export const recipeTests: readonly InHostTest[] = [
  {
    name: 'an unknown key is marked and repaired',
    async run() {
      const document = await open('key.sinter.jsonc', recipe({ method: 'rtn', bist: 4 }))
      const [mark] = await marks(document, 1)
      assert.equal(document.getText(mark!.range), '"bist"')
      assert.equal(await repair(document, mark!), 'Change to "bits"')
      await marks(document, 0)
      assert.match(document.getText(), /"bits": 4/)
      return undefined
    },
  },
  {
    name: 'a rule that matches nothing in the model is marked and repaired',
    async run() {
      const document = await open(
        'rule.sinter.jsonc',
        recipe({ method: 'rtn', bits: 4, targets: ['mlp.*', 'mlp.upp_proj'] }),
      )
      const [mark] = await marks(document, 1)
      assert.equal(mark!.severity, vscode.DiagnosticSeverity.Error)
      assert.equal(document.getText(mark!.range), '"mlp.upp_proj"')
      assert.equal(await repair(document, mark!), 'Change to "mlp.up_proj"')
      await marks(document, 0)
      return undefined
    },
  },
  {
    name: 'groups that do not divide are a warning with a size that does',
    async run() {
      const document = await open('group.sinter.jsonc', recipe({ method: 'rtn', bits: 4, groupSize: 96 }))
      const [mark] = await marks(document, 1)
      assert.equal(mark!.severity, vscode.DiagnosticSeverity.Warning)
      assert.equal(document.getText(mark!.range), '96')
      assert.equal(await repair(document, mark!), 'Use groups of 64')
      await marks(document, 0)
      return undefined
    },
  },
  {
    name: "the engine's schema completes keys of a method",
    async run() {
      const document = await open('complete.sinter.jsonc', recipe({ method: 'gptq', bits: 4 }))
      const at = document.positionAt(document.getText().indexOf('"bits"') + 1)
      const list = await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        document.uri,
        at,
      )
      const labels = list.items.map(({ label }) => (typeof label === 'string' ? label : label.label))
      assert.ok(labels.includes('groupSize'), labels.join(', '))
      return undefined
    },
  },
  {
    name: 'Plan, Run and Estimate stand above a recipe, and Plan shows the table',
    async run() {
      const document = await open('plan.sinter.jsonc', recipe({ method: 'rtn', bits: 4 }))
      const lenses = await vscode.commands.executeCommand<vscode.CodeLens[]>(
        'vscode.executeCodeLensProvider',
        document.uri,
        9,
      )
      assert.deepEqual(
        lenses.map(({ command }) => command?.title),
        ['Plan', 'Run', 'Estimate'],
      )
      await vscode.commands.executeCommand('sinter.plan', document.uri)
      const shown = vscode.window.activeTextEditor?.document
      assert.equal(shown?.uri.scheme, 'sinter-plan')
      assert.match(shown.getText(), /self_attn\.q_proj +256×256 +compress/)
      return undefined
    },
  },
]
