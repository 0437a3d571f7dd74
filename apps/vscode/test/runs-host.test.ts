import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import type { ExtensionContext } from 'vscode'
import { runFolder } from '../src/engine-client/index.ts'
import { registerExport } from '../src/host/export/register.ts'
import { registerReport } from '../src/host/report/register.ts'
import { registerRuns } from '../src/host/runs/register.ts'
import type { ShownRun } from '../src/host/runs/run-list.ts'
import { registerTryIt } from '../src/host/try/register.ts'
import { demoModel, engineClient, node, recipeText, weights, workplace } from './engine-setup.ts'
import { runsWorkbench as workbench } from './helpers/fake-runs-workbench.ts'
import { hasHeard, heldRuns } from './helpers/hold-runs.ts'
import { until } from './helpers/until.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-runs-workbench.ts')).fakeRunsVscode)

const { folder, path, calibration } = workplace()
workbench.folder = folder
const held = heldRuns(path('held'))
const client = engineClient({ findNode: async () => ({ ...(await node()), env: held.env }) })
const registered = registerRuns(client)
const context = { extensionUri: { path: '/extension' } } as ExtensionContext
registerReport(context, client, registered.runs)
registerTryIt(context, client, registered.runs)
registerExport(client, registered.runs)
afterAll(() => registered.dispose())

const recipe = (name: string, text = recipeText(calibration)) => {
  const file = path(`${name}.sinter.jsonc`)
  workbench.document = { uri: { scheme: 'file', path: file, fsPath: file }, languageId: 'jsonc', getText: () => text }
}
const call = (command: string, ...args: readonly unknown[]) => workbench.commands.get(command)!(...args)
const rows = () =>
  (workbench.tree!.getChildren() as ShownRun[]).map(run => ({ run, ...workbench.tree!.getTreeItem(run) }))
const row = (name: string) => rows().find(({ label }) => label === name)

test('a recipe is run, stopped in its notification, resumed from its row, and shown with its report', async () => {
  recipe('small')
  const block = 'small.sinter-run/block-0000.safetensors'
  held.hold(block)
  const first = call('sinter.run')
  await until(() => existsSync(path(block)))
  await until(() => workbench.progress.some(text => /^\w+ \d+ %$/.test(text)))
  workbench.cancel()
  await hasHeard(folder, row('small')!.run.run.id)
  held.release(block)
  await first
  expect(row('small')).toMatchObject({ contextValue: 'run.resumable', description: expect.stringContaining('stopped') })
  expect(workbench.progress).toContain('stopping')

  await call('sinter.resumeRun', row('small')!.run)
  const done = row('small')!
  expect(done).toMatchObject({ contextValue: 'run.done.report', description: 'gptq  4.5 bits a weight' })
  expect(workbench.messages).toEqual(['small is complete.'])
  expect(weights(path('small')).length).toBeGreaterThan(0)
  // There is nothing to go on with, and nothing to wait for.
  await call('sinter.resumeRun', done.run)

  await call('sinter.openReport', done.run)
  const [panel] = workbench.panels
  panel!.receive({ type: 'ready', protocol: 1 })
  await until(() => panel!.posted[0])
  expect(panel!.posted).toMatchObject([
    { type: 'report', report: { title: 'demo-model' }, points: [{ name: 'small', here: true, kl: null }] },
  ])
})

test('a run waits for another, says so without a notification, and is stopped from its row', async () => {
  const block = 'at-work.sinter-run/block-0000.safetensors'
  held.hold(block)
  recipe('at-work')
  const first = call('sinter.run')
  await until(() => existsSync(path(block)))
  recipe('in-queue')
  const second = call('sinter.run')
  await until(() => row('in-queue')?.description === 'gptq  waiting')
  expect(row('in-queue')).toMatchObject({ contextValue: 'run.active' })
  await until(() => workbench.notifications === 1)
  expect(workbench.statusBar).toMatch(/^\$\(sync~spin\) at-work: .*, 1 waiting$/)
  await call('sinter.stopRun', row('in-queue')!.run)
  await second
  expect(row('in-queue')).toMatchObject({ contextValue: 'run.resumable', description: 'gptq  stopped' })
  held.release(block)
  await first
  expect(row('at-work')?.contextValue).toBe('run.done.report')
})

test('the recipe of a run is opened again under a new name, to be changed', async () => {
  await call('sinter.rerun', row('small')!.run)
  await call('sinter.rerun', row('small')!.run)
  expect([...workbench.unsaved.keys()]).toEqual([path('small-2.sinter.jsonc'), path('small-3.sinter.jsonc')])
  const text = workbench.unsaved.get(path('small-2.sinter.jsonc'))!
  expect(JSON.parse(text)).toMatchObject({
    model: demoModel,
    steps: [{ method: 'gptq', bits: 4, groupSize: 32 }],
    calibration: { text: 'calibration.txt', samples: 8, length: 128 },
  })
  const { plan, diagnostics } = await client.request('plan', { text, path: path('small-2.sinter.jsonc') })
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  expect(plan!.out).toBe(path('small-2'))
  // Where a result is, no recipe that would make it.
  workbench.unsaved.clear()
  mkdirSync(path('small-2'))
  await call('sinter.rerun', row('small')!.run)
  expect([...workbench.unsaved.keys()]).toEqual([path('small-3.sinter.jsonc')])
})

test('what is no recipe of a run opens nothing', async () => {
  workbench.unsaved.clear()
  workbench.messages.length = 0
  const { run } = row('small')!
  const file = join(runFolder(folder, run.run.id), 'run.json')
  const before = readFileSync(file)
  for (const text of ['{"recipe":1}', ' '.repeat(2 ** 20 + 1)]) {
    writeFileSync(file, text)
    await call('sinter.rerun', run)
  }
  writeFileSync(file, before)
  expect(workbench.messages).toHaveLength(2)
  for (const said of workbench.messages) expect(said).toMatch(/^The recipe of this run cannot be read: /)
  expect(workbench.unsaved.size).toBe(0)
})

test('a wrong recipe starts nothing, and says the line', async () => {
  workbench.messages.length = 0
  recipe('wrong', '{\n "version": 1,\n "steps": [{ "method": "gptqq" }]\n}')
  await call('sinter.run')
  expect(workbench.messages).toMatchObject([expect.stringMatching(/^3: unknown method "gptqq"/)])
  expect(row('wrong')).toBeUndefined()
})

test('nothing runs in a folder that is not trusted, whoever calls the command', async () => {
  workbench.messages.length = 0
  workbench.trusted = false
  recipe('untrusted')
  await call('sinter.run')
  for (const command of ['resumeRun', 'removeRun', 'tryIt', 'export'])
    await call(`sinter.${command}`, row('small')!.run)
  workbench.trusted = true
  expect(workbench.messages).toEqual(Array(5).fill('Nothing runs in Restricted Mode: trust this folder first.'))
  expect(existsSync(join(folder, 'untrusted.sinter-run'))).toBe(false)
  expect(row('untrusted')).toBeUndefined()
})

test('nothing runs in a workspace without a disk', async () => {
  workbench.messages.length = 0
  workbench.scheme = 'vscode-vfs'
  recipe('virtual')
  await call('sinter.run')
  workbench.scheme = 'file'
  expect(workbench.messages).toEqual(['Compressing needs files on a disk, and this workspace has none.'])
  expect(existsSync(join(folder, 'virtual.sinter-run'))).toBe(false)
})

test('a run is removed after a yes, and leaves what it made; one whose folder somebody deletes leaves the view too', async () => {
  const [small, queued] = [row('small')!.run, row('in-queue')!.run]
  const kept = (shown: ShownRun): boolean => existsSync(runFolder(folder, shown.run.id))
  await call('sinter.removeRun', small)
  expect(kept(small)).toBe(true)
  workbench.agrees = true
  await call('sinter.removeRun', small)
  expect([kept(small), existsSync(path('small'))]).toEqual([false, true])
  await until(() => !row('small'))
  expect(row('in-queue')).toBeDefined()
  rmSync(runFolder(folder, queued.run.id), { recursive: true })
  await until(() => !row('in-queue'))

  const block = 'stays.sinter-run/block-0000.safetensors'
  held.hold(block)
  recipe('stays')
  const running = call('sinter.run')
  await until(() => existsSync(path(block)))
  workbench.messages.length = 0
  await call('sinter.removeRun', row('stays')!.run)
  expect(workbench.messages.at(-1)).toMatch(/^run .* is (starting|running): stop it first$/)
  expect(kept(row('stays')!.run)).toBe(true)
  held.release(block)
  await running
})
