import { strict as assert } from 'node:assert'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import * as vscode from 'vscode'
import type { InHostTest } from './in-host-test.ts'

const folder = (): vscode.Uri => vscode.workspace.workspaceFolders![0]!.uri

async function write(name: string, content: unknown): Promise<void> {
  const uri = vscode.Uri.joinPath(folder(), name)
  await vscode.workspace.fs.writeFile(uri, new TextEncoder().encode(`${JSON.stringify(content, null, 2)}\n`))
}

/** One that is offered or in tasks.json, which the window reads a moment after it was written. */
async function taskNamed(name: string): Promise<vscode.Task> {
  for (let tries = 0; tries < 100; tries++) {
    const found = (await vscode.tasks.fetchTasks({ type: 'sinter' })).find(task => task.name === name)
    if (found) return found
    await wait(100)
  }
  assert.fail(`there is no task ${name}`)
}

/** @returns its exit code */
async function execute(task: vscode.Task): Promise<number | undefined> {
  let listening: vscode.Disposable | undefined
  const ended = new Promise<number | undefined>(resolve => {
    listening = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
      if (execution.task.name === task.name) resolve(exitCode)
    })
  })
  await vscode.tasks.executeTask(task)
  const code = await ended
  listening?.dispose()
  return code
}

export const taskTests: readonly InHostTest[] = [
  {
    name: 'a recipe is a task that compresses, and ends with 0',
    async run() {
      await write('by-task.sinter.jsonc', {
        version: 1,
        model: 'demo-model',
        steps: [{ method: 'rtn', bits: 4, groupSize: 64 }],
      })
      assert.equal(await execute(await taskNamed('compress by-task')), 0)
      assert.ok(existsSync(join(folder().fsPath, 'by-task/model.safetensors')))
      return undefined
    },
  },
  {
    name: 'a task of tasks.json with a wrong recipe ends with 1, and its problem has a place',
    async run() {
      await write('wrong-task.sinter.jsonc', { version: 1, model: 'demo-model', steps: [{ method: 'rtnn' }] })
      // Extensions are told no marks of an owner of their own host; so that this one sees them they get another.
      const problemMatcher = { base: '$sinter', owner: 'task' }
      const task = { type: 'sinter', recipe: 'wrong-task.sinter.jsonc', label: 'mine', problemMatcher }
      await write('.vscode/tasks.json', { version: '2.0.0', tasks: [task] })
      assert.equal(await execute(await taskNamed('mine')), 1)
      const file = vscode.Uri.joinPath(folder(), 'wrong-task.sinter.jsonc')
      // It is not open in an editor: what is marked is what the matcher read.
      const [mark] = await marked(file)
      assert.ok(mark, 'nothing is marked')
      assert.match(mark.message, /^steps\[0\]\.method: unknown method "rtnn"/)
      assert.equal(mark.range.start.line, 5)
      return mark.message.slice(0, 60)
    },
  },
]

async function marked(uri: vscode.Uri): Promise<readonly vscode.Diagnostic[]> {
  const found = () => vscode.languages.getDiagnostics(uri)
  for (let tries = 0; tries < 100 && found().length === 0; tries++) await wait(100)
  return found()
}
