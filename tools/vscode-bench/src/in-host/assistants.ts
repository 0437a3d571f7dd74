import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import * as vscode from 'vscode'
import type { InHostTest } from './in-host-test.ts'

const recipe = { version: 1, steps: [{ method: 'rtn', bits: 4 }] }

/** As an assistant without a conversation calls it. @returns what its model would be told */
async function invoke(name: string, input: object): Promise<unknown> {
  const { content } = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined })
  const [part] = content
  assert.ok(part instanceof vscode.LanguageModelTextPart, `${name} gave no text`)
  return JSON.parse(part.value)
}

const inFolder = (name: string): string => join(vscode.workspace.workspaceFolders![0]!.uri.fsPath, name)

export const assistantTests: readonly InHostTest[] = [
  {
    name: 'assistants are offered every tool of the manifest',
    async run() {
      const manifest = vscode.extensions.getExtension('sinter.sinter-vscode')!.packageJSON as {
        readonly contributes: { readonly languageModelTools: readonly { readonly name: string }[] }
      }
      const declared = manifest.contributes.languageModelTools.map(({ name }) => name)
      const offered = vscode.lm.tools.map(({ name }) => name).filter(name => name.startsWith('sinter_'))
      assert.deepEqual(offered.sort(), [...declared].sort())
      const described = vscode.lm.tools.filter(({ name }) => name.startsWith('sinter_'))
      // A key that nobody translated would reach the model as it stands.
      for (const { description } of described) assert.ok(!description.includes('%'), description)
      return `${offered.length} tools`
    },
  },
  {
    name: 'a tool looks into a model of the workspace, and into no other',
    async run() {
      const { model } = (await invoke('sinter_inspect', { model: 'demo-model' })) as { model: { family: string } }
      assert.equal(model.family, 'llama')
      for (const path of ['/etc', '../elsewhere', 'demo-model/../../elsewhere'])
        await assert.rejects(invoke('sinter_inspect', { model: path }), /outside of the workspace/)
      return undefined
    },
  },
  {
    name: 'a tool explains a method, and another plans with it without writing',
    async run() {
      const { methods } = (await invoke('sinter_explain', { name: 'rtn' })) as { methods: { name: string }[] }
      assert.deepEqual(
        methods.map(({ name }) => name),
        ['rtn'],
      )
      const { plan } = (await invoke('sinter_estimate', { model: 'demo-model', recipe })) as {
        plan: { out: string; tensors?: unknown }
      }
      assert.equal(plan.tensors, undefined)
      assert.ok(!existsSync(plan.out))
      return undefined
    },
  },
  {
    name: 'what an assistant lets run is a run like others, and its result is a model to chat with',
    async run() {
      const input = { model: 'demo-model', recipe, out: 'from-assistant' }
      // Here nobody is asked: in tests of this kind the workbench says yes by itself.
      await invoke('sinter_run', input)
      const done = async (): Promise<boolean> => {
        const { runs } = (await invoke('sinter_runs', {})) as { runs: { out: string; state: string }[] }
        return runs.some(({ out, state }) => out === inFolder('from-assistant') && state === 'done')
      }
      for (let tries = 0; tries < 200 && !(await done()); tries++) await wait(100)
      assert.ok(await done())
      for (let tries = 0; tries < 100; tries++) {
        const [model] = await vscode.lm.selectChatModels({ vendor: 'sinter' })
        if (model) return `${model.name}, ${model.maxInputTokens} tokens: ${JSON.stringify(await answer(model))}`
        await wait(100)
      }
      assert.fail('the result is no model to chat with')
    },
  },
]

/** What a model writes to a message, of which it is one of the pieces that make the whole. */
async function answer(model: vscode.LanguageModelChat): Promise<string> {
  const said = 'The cat sat on the mat.'
  assert.ok((await model.countTokens(said)) > 3)
  const token = new vscode.CancellationTokenSource().token
  const response = await model.sendRequest([vscode.LanguageModelChatMessage.User(said)], {}, token)
  let written = ''
  for await (const piece of response.text) written += piece
  assert.match(written, /\w+ \w+/)
  return written.slice(0, 60)
}
