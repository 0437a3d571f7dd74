import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import type { Session } from '../session.ts'
import { happens, openWorkbench, PATIENCE_MS, screenshot } from '../workbench.ts'
import { act, rowOf } from './run-menu.ts'
import { startRun } from './start-run.ts'

const RUN_MS = 120_000

export interface LiveRun {
  /** What the view said while the run was at work. */
  readonly progress: string
  /** The process of the run before its window was loaded again, and after. */
  readonly aliveThrough: readonly [number, number]
  /** What the view said of a run whose process was killed. */
  readonly reason: string
  /** How often it was begun or gone on with. */
  readonly attempts: number
  /** Of the result, a path. */
  readonly weights: string
}

/** As every window reads it. */
interface Status {
  readonly state: string
  readonly pid: number
  readonly attempts: number
  readonly out: string
  readonly heartbeatAt: number
}

/**
 * A run that is watched, stopped, and gone on with; whose window is loaded again while it is at work; whose engine, and then whose own
 * process is killed; that is resumed, and ends while nobody has a window on it. Each time it waits behind another block.
 */
export async function liveRun(session: Session, name: string): Promise<LiveRun> {
  const { page, host, workspace } = session
  const { observed } = host
  const block = (index: number): string => `${name}.sinter-run/block-000${index}.safetensors`
  const has = (index: number): boolean => existsSync(join(workspace, block(index)))
  const runs = join(workspace, '.sinter/runs')
  const folder = (): string => join(runs, readdirSync(runs).find(name => /^\d{8}-/.test(name))!)
  const status = (): Status => JSON.parse(readFileSync(join(folder(), 'status.json'), 'utf8')) as Status

  observed.hold(block(0))
  const row = await startRun(page, `${name}.sinter.jsonc`)
  await happens('the first block', () => has(0))
  const working = row.filter({ hasText: /\d+ %/ })
  await working.waitFor({ timeout: PATIENCE_MS })
  const progress = (await row.textContent()) ?? ''
  await session.inThemes('run-at-work')

  await act(row, 'Stop Run', () => existsSync(join(folder(), 'cancel')))
  const since = Date.now()
  // After a sign of life from then on it has heard it.
  await happens('a sign of life', () => status().heartbeatAt > since)
  observed.hold(block(1))
  await row.filter({ hasText: 'stopped' }).waitFor({ timeout: PATIENCE_MS })
  await screenshot(page, 'run-stopped')

  await act(row, 'Resume Run', () => has(1))
  await working.waitFor({ timeout: PATIENCE_MS })
  const before = status().pid
  await openWorkbench(page, host.url(workspace))
  const again = await rowOf(page, name)
  await again.filter({ hasText: /\d+ %/ }).waitFor({ timeout: PATIENCE_MS })
  await screenshot(page, 'run-after-reload')
  const { pid, state } = status()
  if (state !== 'running') throw new Error(`the run was ${state} after its window was loaded again`)

  for (const engine of observed.processes('engine.mjs')) end(engine)
  end(pid)
  await again.filter({ hasText: 'failed' }).waitFor({ timeout: PATIENCE_MS })
  const reason = await hoverOf(page, again)
  await screenshot(page, 'run-killed')

  observed.hold(block(2))
  await act(again, 'Resume Run', () => has(2))
  await page.goto('about:blank')
  end(observed.hostFacts()!.pid)
  observed.hold(undefined)
  await happens('the end of the run', () => status().state !== 'running')

  await openWorkbench(page, host.url(workspace))
  const last = await rowOf(page, name)
  await last.filter({ hasText: /bits a weight|failed/ }).waitFor({ timeout: RUN_MS })
  await screenshot(page, 'run-without-window')
  const { attempts, out } = status()
  return { progress, aliveThrough: [before, pid], reason, attempts, weights: join(out, 'model.safetensors') }
}

async function hoverOf(page: Page, row: Locator): Promise<string> {
  await page.mouse.move(640, 20)
  await row.hover({ timeout: PATIENCE_MS })
  const hover = page.locator('.workbench-hover-container', { hasText: 'Resume' })
  await hover.waitFor({ timeout: PATIENCE_MS })
  return (await hover.textContent()) ?? ''
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // An engine of before may be gone.
  }
}
