import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { keptRuns, stopKeptRun } from '@sinter/engine'
import { beforeAll, describe, expect, test } from 'vitest'
import { type RunLine, readRun, runFolder, watchEvents, watchRuns } from '../src/engine-client/index.ts'
import { isOver, type RunStatus } from '../src/shared/run-status.ts'
import { engineClient, flags, node, recipeText, runMain, sinter, weights, workplace } from './engine-setup.ts'
import { hasHeard, heldRuns, isAlive } from './helpers/hold-runs.ts'
import { until } from './helpers/until.ts'

const { folder: workspace, path, calibration } = workplace()
const runs = heldRuns(path('held'))
const client = () => engineClient({ findNode: async () => ({ ...(await node()), env: runs.env }) })
const engine = client()
const text = recipeText(calibration)

const start = async (name: string, report = false): Promise<string> => {
  const { run, diagnostics } = await engine.request('runStart', {
    workspace,
    text,
    path: path(`${name}.sinter.jsonc`),
    threads: 1,
    report,
  })
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([])
  return run!.id
}

const status = async (id: string): Promise<RunStatus> => (await readRun(workspace, id))!
const ended = (id: string): Promise<RunStatus> =>
  until(async () => {
    const run = await status(id)
    return isOver(run) ? run : undefined
  })
const firstBlock = (name: string): string => `${name}.sinter-run/block-0000.safetensors`

/** Starts a run that has one block of four when this is over, and makes no more before it is released. */
async function startHeld(name: string): Promise<string> {
  runs.hold(firstBlock(name))
  const id = await start(name)
  await until(() => existsSync(path(firstBlock(name))))
  return id
}

/** Asks a held run to stop, and lets it go when it has been asked. */
async function cancelHeld(id: string, name: string): Promise<RunStatus> {
  const cancelled = engine.request('runCancel', { workspace, id })
  await hasHeard(workspace, id)
  runs.release(firstBlock(name))
  return (await cancelled).run
}

/** Events of a run up to the end of its attempt. */
function eventsOf(id: string, from = 0): Promise<{ lines: readonly RunLine[]; offset: number }> {
  const lines: RunLine[] = []
  return new Promise(resolve => {
    const watch = watchEvents(
      workspace,
      id,
      (more, offset) => {
        lines.push(...more)
        if (lines.at(-1)?.type !== 'ended') return
        watch.close()
        resolve({ lines, offset })
      },
      { everyMs: 20, from },
    )
  })
}

let byCli: Buffer

beforeAll(async () => {
  writeFileSync(path('recipe.json'), text)
  await sinter(
    'compress',
    '--recipe',
    path('recipe.json'),
    '--out',
    path('by-cli'),
    '--threads',
    '1',
    '--quiet',
    '--no-report',
  )
  byCli = weights(path('by-cli'))
})

describe('a run', () => {
  test('is watched while it goes on, and gives the bytes of the command line', async () => {
    const id = await start('whole', true)
    const { lines } = await eventsOf(id)
    const types = lines.map(({ type }) => type)
    expect(types[0]).toBe('attempt')
    expect(types.slice(-2)).toEqual(['written', 'ended'])
    const { blocks } = lines.find(({ type }) => type === 'started') as unknown as { blocks: number }
    expect(types.filter(type => type === 'block').length).toBe(blocks)
    const run = await ended(id)
    expect(run).toMatchObject({ state: 'done', attempts: 1, out: path('whole'), resumable: false, error: null })
    expect(run.result?.bitsPerWeight).toBeGreaterThan(4)
    expect(readFileSync(run.report!.html, 'utf8')).toContain('<html')
    expect(run.report!.html.startsWith(runFolder(workspace, id))).toBe(true)
    expect(weights(path('whole')).equals(byCli)).toBe(true)
  })

  test('is cancelled, resumed, and ends with the same bytes', async () => {
    const id = await startHeld('stopped')
    expect(await cancelHeld(id, 'stopped')).toMatchObject({ state: 'cancelled', resumable: true, error: null })
    expect(existsSync(path('stopped'))).toBe(false)
    const { offset } = await eventsOf(id)
    await engine.request('runResume', { workspace, id })
    const again = await eventsOf(id, offset)
    expect(again.lines[0]).toMatchObject({ type: 'attempt', attempt: 2 })
    expect(again.lines.find(({ type }) => type === 'started')?.resumedAt).toBeGreaterThan(0)
    expect(await ended(id)).toMatchObject({ state: 'done', attempts: 2 })
    expect(weights(path('stopped')).equals(byCli)).toBe(true)
  })

  test('that is killed has failed, says so, and resumes to the same bytes', async () => {
    const id = await startHeld('killed')
    const { pid } = await status(id)
    process.kill(pid!, 'SIGKILL')
    runs.release(firstBlock('killed'))
    const run = await ended(id)
    expect(run).toMatchObject({ state: 'failed', resumable: true, error: { code: 'process-gone' } })
    expect(run.error?.message).toContain(String(pid))
    // What a write that was cut off would leave.
    await appendFile(join(runFolder(workspace, id), 'events.ndjson'), '{"at":1,"type":"prog')
    await engine.request('runResume', { workspace, id })
    expect((await eventsOf(id)).lines.at(-1)).toMatchObject({ type: 'ended', state: 'done' })
    expect(await ended(id)).toMatchObject({ state: 'done', attempts: 2, error: null })
    expect(weights(path('killed')).equals(byCli)).toBe(true)
  })

  test('that is cancelled before it is under way stops too', async () => {
    const id = await start('early')
    expect((await engine.request('runCancel', { workspace, id })).run.state).toBe('cancelled')
    runs.hold(firstBlock('early'))
    await engine.request('runResume', { workspace, id })
    await until(() => existsSync(path(firstBlock('early'))))
    expect(await cancelHeld(id, 'early')).toMatchObject({ state: 'cancelled', resumable: true })
  })

  test('stops in order at SIGTERM, from whomever it comes', async () => {
    const id = await startHeld('term')
    process.kill((await status(id)).pid!, 'SIGTERM')
    await isAlive(workspace, id)
    runs.release(firstBlock('term'))
    expect(await ended(id)).toMatchObject({ state: 'cancelled', resumable: true })
  })

  test('goes on without the engine that started it, and another one stops it', async () => {
    const other = client()
    runs.hold(firstBlock('orphan'))
    const { run } = await other.request('runStart', { workspace, text, path: path('orphan.sinter.jsonc'), threads: 1 })
    const id = run!.id
    process.kill(other.pid!, 'SIGKILL')
    await until(() => existsSync(path(firstBlock('orphan'))))
    expect((await engine.request('runStatus', { workspace, id })).run.state).toBe('running')
    expect((await cancelHeld(id, 'orphan')).state).toBe('cancelled')
  })

  test('whose recipe is wrong is not started', async () => {
    const wrong = recipeText(calibration, { steps: [{ method: 'gptqq' }] })
    const asked = { workspace: path('nothing'), text: wrong, path: path('wrong.sinter.jsonc') }
    const { run, diagnostics } = await engine.request('runStart', asked)
    expect(run).toBeUndefined()
    expect(diagnostics.length).toBe(1)
    expect(existsSync(path('nothing'))).toBe(false)
  })

  test('that cannot go on says why', async () => {
    const id = await startHeld('refused')
    await cancelHeld(id, 'refused')
    mkdirSync(path('refused'))
    writeFileSync(path('refused/mine'), '')
    await engine.request('runResume', { workspace, id })
    const run = await ended(id)
    expect(run).toMatchObject({ state: 'failed', resumable: true, error: { code: expect.any(String) } })
    expect(run.error?.message).toContain('refused')
    expect(readFileSync(path('refused/mine'), 'utf8')).toBe('')
  })
})

test('the command line sees a run at work, and stops it', async () => {
  const id = await startHeld('from-outside')
  await until(async () => (await status(id)).state === 'running')
  const seen = await keptRuns(workspace)
  expect(seen.find(run => run.id === id)).toMatchObject({ state: 'running', out: path('from-outside') })
  await stopKeptRun(workspace, id)
  await hasHeard(workspace, id)
  runs.release(firstBlock('from-outside'))
  expect(await ended(id)).toMatchObject({ state: 'cancelled', resumable: true })
  const now = await keptRuns(workspace)
  for (const run of now) expect(await status(run.id)).toMatchObject(run)
})

test('two windows see the same runs; a second resume of one leaves the first alone', async () => {
  const other = client()
  const id = await startHeld('shared')
  await cancelHeld(id, 'shared')
  await Promise.all([
    engine.request('runResume', { workspace, id }),
    other.request('runResume', { workspace, id }),
    // And one by hand, which nothing held back.
    new Promise(resolve => spawn(process.execPath, [...flags, runMain, runFolder(workspace, id)]).on('close', resolve)),
  ])
  expect(await ended(id)).toMatchObject({ state: 'done', error: null })
  expect(weights(path('shared')).equals(byCli)).toBe(true)
  const [ours, theirs] = await Promise.all([engine, other].map(client => client.request('runList', { workspace })))
  expect(ours).toEqual(theirs)
  const seen = new Map<string, RunStatus>()
  const watch = watchRuns(workspace, run => seen.set(run.id, run), { everyMs: 20 })
  await until(() => seen.size === ours!.runs.length)
  watch.close()
  expect([...seen.values()].sort((a, b) => (a.id < b.id ? 1 : -1))).toEqual(
    ours!.runs.toSorted((a, b) => (a.id < b.id ? 1 : -1)),
  )
})

test('an id that is a path reaches no folder', async () => {
  const outside = engine.request('runStatus', { workspace, id: '../../etc' })
  await expect(outside).rejects.toMatchObject({ kind: 'refused', message: expect.stringContaining('expected the id') })
})
