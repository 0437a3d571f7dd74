import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, expect, test, vi } from 'vitest'
import type * as vscode from 'vscode'
import { app } from '../build/entries.ts'
import { registerRuns } from '../src/host/runs/register.ts'
import { registerTasks } from '../src/host/tasks/register.ts'
import { engineClient, node, recipeText, weights, workplace } from './engine-setup.ts'
import { runsWorkbench as workbench } from './helpers/fake-runs-workbench.ts'
import { hasHeard, heldRuns } from './helpers/hold-runs.ts'
import { until } from './helpers/until.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-runs-workbench.ts')).fakeRunsVscode)

const { folder, path, calibration } = workplace()
workbench.folder = folder
const held = heldRuns(path('held'))
const client = engineClient({ findNode: async () => ({ ...(await node()), env: held.env }) })
const registered = registerRuns(client)
let tasks = registerTasks(client, registered.runs)
afterAll(() => registered.dispose())

/** One of the fake: it hands over what it was given. */
interface GivenExecution {
  readonly callback: (definition: vscode.TaskDefinition) => Promise<vscode.Pseudoterminal>
}

const token = {} as vscode.CancellationToken
const provided = async () => (await workbench.taskProvider!.provideTasks(token))!
const named = (recipe: string) => ({ definition: { type: 'sinter', recipe }, name: 'mine' }) as unknown as vscode.Task

interface Opened {
  readonly terminal: vscode.Pseudoterminal
  readonly lines: string[]
  readonly code: Promise<unknown>
}

async function open({ definition, execution }: vscode.Task): Promise<Opened> {
  const terminal = await (execution as unknown as GivenExecution).callback(definition)
  const lines: string[] = []
  terminal.onDidWrite(text => {
    expect(text.endsWith('\r\n')).toBe(true)
    lines.push(text.slice(0, -2))
  })
  const code = new Promise<unknown>(resolve => terminal.onDidClose!(resolve))
  terminal.open(undefined)
  return { terminal, lines, code }
}

const resolved = async (recipe: string) => (await workbench.taskProvider!.resolveTask(named(recipe), token))!
const runOf = (name: string) => registered.runs.all().find(({ run }) => run.out === path(name))?.run

test('every recipe of the folder is a task that runs it and says how far it is', async () => {
  for (const name of ['b', 'a']) writeFileSync(path(`${name}.sinter.jsonc`), recipeText(calibration))
  const tasks = await provided()
  expect(tasks.map(({ name }) => name)).toEqual(['compress a', 'compress b'])
  expect(tasks[0]).toMatchObject({
    definition: { type: 'sinter', recipe: 'a.sinter.jsonc' },
    problemMatchers: ['$sinter'],
  })
  // A run may be over before anybody has looked how far it is.
  const block = 'a.sinter-run/block-0001.safetensors'
  held.hold(block)
  const { lines, code } = await open(tasks[0]!)
  await until(() => lines.some(line => /^compress \d+ %$/.test(line)))
  held.release(block)
  expect(await code).toBe(0)
  expect(lines[0]).toMatch(/^warning: a Hugging Face folder/)
  expect(lines.slice(-2)).toEqual(['4.5 bits a weight', 'a is complete.'])
  expect(weights(path('a')).length).toBeGreaterThan(0)
  expect(runOf('a')).toMatchObject({ state: 'done' })
})

test('a task of tasks.json is resolved; what is wrong with its recipe is read by the problem matcher', async () => {
  writeFileSync(path('wrong.sinter.jsonc'), '{\n "version": 1,\n "steps": [{ "method": "gptqq" }]\n}')
  const given = named('wrong.sinter.jsonc')
  const task = (await workbench.taskProvider!.resolveTask(given, token))!
  expect(task.definition).toBe(given.definition)
  expect(task.name).toBe('mine')
  const { lines, code } = await open(task)
  expect(await code).toBe(1)
  const { contributes } = JSON.parse(readFileSync(`${app}/package.json`, 'utf8'))
  const [, file, line, message] = new RegExp(contributes.problemMatchers[0].pattern.regexp).exec(lines[0]!)!
  expect([file, line]).toEqual([path('wrong.sinter.jsonc'), '3'])
  expect(message).toMatch(/^steps\[0\]\.method: unknown method/)
  expect(runOf('wrong')).toBeUndefined()
})

test.for([
  ['closing it', ({ terminal }: Opened) => terminal.close()],
  ['Ctrl+C', ({ terminal }: Opened) => terminal.handleInput!('\x03')],
] as const)('%s stops the run', async ([how, stop]) => {
  const name = how === 'Ctrl+C' ? 'typed' : 'closed'
  writeFileSync(path(`${name}.sinter.jsonc`), recipeText(calibration))
  const block = `${name}.sinter-run/block-0000.safetensors`
  held.hold(block)
  const opened = await open(await resolved(path(`${name}.sinter.jsonc`)))
  await until(() => existsSync(path(block)))
  stop(opened)
  await hasHeard(folder, (await until(() => runOf(name))).id)
  held.release(block)
  expect(await opened.code).toBe(1)
  expect(opened.lines).toContain('stopping')
  expect(opened.lines.at(-1)).toBe('stopped')
  expect(runOf(name)).toMatchObject({ state: 'cancelled', resumable: true })
})

test('a recipe that is not there is said, and its name moves no cursor', async () => {
  const { lines, code } = await open(await resolved('none\u001b[2J.sinter.jsonc'))
  expect(await code).toBe(1)
  expect(lines).toMatchObject([expect.stringMatching(/^none⟨U\+001B⟩\[2J\.sinter\.jsonc: .*no such file/)])
})

test.for([
  ['not trusted', 'Nothing runs in Restricted Mode: trust this folder first.', { trusted: false }],
  ['on no disk', 'Compressing needs files on a disk, and this workspace has none.', { scheme: 'vscode-vfs' }],
] as const)('a workspace that is %s has no tasks, and one from before runs nothing', async ([, reason, changed]) => {
  writeFileSync(path('never.sinter.jsonc'), recipeText(calibration))
  const before = await resolved(path('never.sinter.jsonc'))
  const usual = { trusted: workbench.trusted, scheme: workbench.scheme }
  Object.assign(workbench, changed)
  expect(await provided()).toEqual([])
  expect(await workbench.taskProvider!.resolveTask(named('never.sinter.jsonc'), token)).toBeUndefined()
  const { lines, code } = await open(before)
  expect(await code).toBe(1)
  Object.assign(workbench, usual)
  expect(lines).toEqual([`never.sinter.jsonc: ${reason}`])
  expect(existsSync(path('never.sinter-run'))).toBe(false)
})

test('a window that is loaded again closes the terminal, and the run goes on', async () => {
  writeFileSync(path('goes-on.sinter.jsonc'), recipeText(calibration))
  const block = 'goes-on.sinter-run/block-0000.safetensors'
  held.hold(block)
  const { terminal } = await open(await resolved(path('goes-on.sinter.jsonc')))
  await until(() => existsSync(path(block)))
  const { id } = await until(() => runOf('goes-on'))
  terminal.close()
  tasks.dispose()
  tasks = registerTasks(client, registered.runs)
  // Longer than a close takes to stop a run.
  await wait(3000)
  expect(existsSync(path(`.sinter/runs/${id}/cancel`))).toBe(false)
  held.release(block)
  await until(() => runOf('goes-on')?.state === 'done')
})
