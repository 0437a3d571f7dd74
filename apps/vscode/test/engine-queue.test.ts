import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { waitForTurn } from '../src/engine/run/queue.ts'
import { readRun, runFolder } from '../src/engine-client/index.ts'
import { readEvents } from '../src/runs/read-events.ts'
import { isOver, type RunState, type RunStatus } from '../src/shared/run-status.ts'
import { engineClient, node, recipeText, weights, workplace } from './engine-setup.ts'
import { heldRuns, isAlive } from './helpers/hold-runs.ts'
import { until } from './helpers/until.ts'

const { folder: workspace, path, calibration } = workplace()
const runs = heldRuns(path('held'))
const client = () => engineClient({ findNode: async () => ({ ...(await node()), env: runs.env }) })
// Two windows.
const [engine, other] = [client(), client()]
const text = recipeText(calibration, { steps: [{ method: 'rtn', bits: 4, groupSize: 32 }] })

async function start(name: string, { by = engine, parallel }: { by?: typeof engine; parallel?: number } = {}) {
  const asked = { workspace, text, path: path(`${name}.sinter.jsonc`), threads: 1, report: false, parallel }
  const { run } = await by.request('runStart', asked)
  return run!.id
}

const status = async (id: string): Promise<RunStatus> => (await readRun(workspace, id))!
const reaches = (id: string, state: RunState): Promise<RunStatus> =>
  until(async () => {
    const run = await status(id)
    if (isOver(run) && run.state !== state) throw new Error(`${run.state}: ${run.error?.message}`)
    return run.state === state ? run : undefined
  })
const firstBlock = (name: string): string => `${name}.sinter-run/block-0000.safetensors`

/** Starts a run that is at work and stays so until it is released. */
async function startHeld(name: string): Promise<string> {
  runs.hold(firstBlock(name))
  const id = await start(name)
  await until(() => existsSync(path(firstBlock(name))))
  return id
}

test('a run waits until the one before it has ended, whichever window started it', async () => {
  const first = await startHeld('first')
  const second = await start('second', { by: other })
  await reaches(second, 'queued')
  const third = await start('third')
  await reaches(third, 'queued')
  // It has looked again since.
  await isAlive(workspace, second)
  expect(await status(second)).toMatchObject({ state: 'queued', attempts: 0, startedAt: null })
  expect(existsSync(path('second.sinter-run'))).toBe(false)
  runs.release(firstBlock('first'))
  const [a, b, c] = await Promise.all([first, second, third].map(id => reaches(id, 'done')))
  expect(b!.startedAt).toBeGreaterThanOrEqual(a!.endedAt!)
  expect(c!.startedAt).toBeGreaterThanOrEqual(b!.endedAt!)
  const { lines } = await readEvents(runFolder(workspace, third), 0)
  expect(lines.slice(0, 2)).toMatchObject([
    { type: 'queued', ahead: 2 },
    { type: 'attempt', attempt: 1 },
  ])
  expect(weights(path('second')).equals(weights(path('first')))).toBe(true)
  for (const id of [first, second, third]) expect(existsSync(join(runFolder(workspace, id), 'turn'))).toBe(false)
})

test('one that waits is stopped while it waits, and those behind it do not wait for it; resumed, it goes to the end', async () => {
  const first = await startHeld('busy')
  const second = await start('stopped')
  await reaches(second, 'queued')
  const third = await start('behind')
  await reaches(third, 'queued')
  const { run } = await other.request('runCancel', { workspace, id: second })
  expect(run).toMatchObject({ state: 'cancelled', resumable: true, attempts: 0, error: null })
  // In a browser no end of a process would give its place up.
  await until(() => !existsSync(join(runFolder(workspace, second), 'turn')))
  await other.request('runResume', { workspace, id: second })
  await reaches(second, 'queued')
  runs.release(firstBlock('busy'))
  const ended = await Promise.all([first, third, second].map(id => reaches(id, 'done')))
  const order = ended.toSorted((a, b) => a.startedAt! - b.startedAt!).map(({ id }) => id)
  expect(order).toEqual([first, third, second])
})

test('one that is killed at work lets the next go, and so does one that is killed while it waits', async () => {
  const first = await startHeld('killed')
  const second = await start('waiter')
  await reaches(second, 'queued')
  const third = await start('last')
  await reaches(third, 'queued')
  process.kill((await status(second)).pid!, 'SIGKILL')
  expect(await reaches(second, 'failed')).toMatchObject({ error: { code: 'process-gone' }, resumable: true })
  expect((await status(third)).state).toBe('queued')
  process.kill((await status(first)).pid!, 'SIGKILL')
  await reaches(third, 'done')
  runs.release(firstBlock('killed'))
  await engine.request('runResume', { workspace, id: first })
  await reaches(first, 'done')
})

test('as many as are allowed are at work at once', async () => {
  const first = await startHeld('one')
  const second = await start('two', { parallel: 2 })
  await reaches(second, 'done')
  const third = await start('three', { parallel: 1 })
  await reaches(third, 'queued')
  runs.release(firstBlock('one'))
  for (const id of [first, third]) await reaches(id, 'done')
})

test('of many that start at the same moment one is at work at a time', async () => {
  const started = await Promise.all(['a', 'b', 'c', 'd'].map((name, i) => start(name, { by: [engine, other][i % 2]! })))
  const ended = await Promise.all(started.map(id => reaches(id, 'done')))
  const inOrder = ended.toSorted((a, b) => a.startedAt! - b.startedAt!)
  for (const [i, run] of inOrder.slice(1).entries()) expect(run.startedAt).toBeGreaterThanOrEqual(inOrder[i]!.endedAt!)
})

test('what a run is about to make, no second one makes', async () => {
  const first = await startHeld('same')
  const asked = { workspace, text, path: path('same.sinter.jsonc'), threads: 1, report: false }
  const { run, diagnostics } = await engine.request('runStart', asked)
  expect(run).toBeUndefined()
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toMatchObject([
    { path: 'output', message: expect.stringContaining(first) },
  ])
  runs.release(firstBlock('same'))
  await reaches(first, 'done')
})

const ghosts: ChildProcess[] = []
afterAll(() => {
  for (const ghost of ghosts) ghost.kill('SIGKILL')
})

/** A process that the system knows by the folder of a run, and that does nothing. */
function ghostOf(folder: string): number {
  const ghost = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', folder], { stdio: 'ignore' })
  ghosts.push(ghost)
  return ghost.pid!
}

/** Folders of two runs in a workspace of their own: that of a ghost, and ours. */
function twoRuns(name: string) {
  const [theirs, ours] = [`ghost-${name}`, `own-${name}`].map(id => runFolder(path(name), id)) as [string, string]
  for (const folder of [theirs, ours]) mkdirSync(folder, { recursive: true })
  const pid = ghostOf(theirs)
  const take = (number: number | null): void => writeFileSync(join(theirs, 'turn'), JSON.stringify({ pid, number }))
  return { theirs, ours, take }
}

const { signal } = new AbortController()

test('one that is choosing its number is waited for until it has chosen', async () => {
  const { ours, take } = twoRuns('choosing')
  take(null)
  let entered = false
  const waits = new Promise<number>(resolve => {
    const onWait = async (ahead: number): Promise<void> => resolve(ahead)
    void waitForTurn(ours, { parallel: 1, signal, onWait, everyMs: 10 }).then(() => (entered = true))
  })
  expect(await waits).toBe(1)
  expect(entered).toBe(false)
  take(2)
  await until(() => entered)
})

test('a process that has the number of one that is gone, and says nothing, is not waited for', async () => {
  const { theirs, ours, take } = twoRuns('haunted')
  take(7)
  writeFileSync(join(theirs, 'status.json'), '{}')
  const waited: number[] = []
  const onWait = async (ahead: number): Promise<void> => void waited.push(ahead)
  const leave = await waitForTurn(ours, { parallel: 1, signal, onWait, everyMs: 10, silentLooks: 20 })
  expect(waited).toEqual([1])
  expect(existsSync(join(ours, 'turn'))).toBe(true)
  await leave()
  expect(existsSync(join(ours, 'turn'))).toBe(false)
})

test('files that are no places are passed over', async () => {
  const texts = ['', 'x', '{"pid":1,"number":1}', `{"pid":${process.pid},"number":-1}`, ' '.repeat(2 ** 16), '[]']
  for (const [i, content] of texts.entries()) {
    const folder = runFolder(path('odd'), `odd-${i}`)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'turn'), content)
  }
  const ours = runFolder(path('odd'), 'own-1')
  mkdirSync(ours)
  const onWait = async (): Promise<void> => expect.unreachable()
  await (await waitForTurn(ours, { parallel: 1, signal, onWait }))()
})
