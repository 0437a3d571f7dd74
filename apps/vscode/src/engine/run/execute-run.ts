import { existsSync } from 'node:fs'
import { copyFile, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  checkRecipe,
  compress,
  exitCodeOf,
  finishRun,
  journalFolder,
  lockRun,
  type Outcome,
  type Plan,
  type RecipeInput,
  type RunResult,
  resolvePlan,
} from '@sinter/engine'
import { atomicWriteFile, openModel } from '@sinter/model'
import { runFiles } from '../../runs/run-folder.ts'
import { type RunStatus, runStatus } from '../../shared/run-status.ts'
import { waitForTurn } from './queue.ts'
import { openReporter, type Reporter } from './reporter.ts'
import { runNumbers } from './run-numbers.ts'
import { type RunRequest, runRequest } from './run-request.ts'
import { firstStatus } from './status-file.ts'

export interface ExecuteOptions {
  /** How many runs of the workspace may be at work at once. */
  readonly parallel: number
  /** Carries what a run has made to where it belongs, before the run is called done. */
  readonly deliver?: ((paths: readonly string[]) => Promise<void>) | undefined
}

/**
 * Runs what the folder of a run asks for, from the start or from where it stopped, and tells there how it goes.
 * @returns what the process should exit with: 0 done, 130 stopped, else as `exitCodeOf`
 */
export async function executeRun(folder: string, signal: AbortSignal, options: ExecuteOptions): Promise<number> {
  // Two windows may resume at once: the second leaves, and must not touch the status.
  const unlock = await lockRun(folder)
  try {
    const request = runRequest(JSON.parse(await readFile(join(folder, runFiles.request), 'utf8')), 'run')
    return await reported(folder, request, signal, options)
  } finally {
    await unlock()
  }
}

async function reported(
  folder: string,
  request: RunRequest,
  outer: AbortSignal,
  { parallel, deliver }: ExecuteOptions,
): Promise<number> {
  const before = await readBefore(folder, request)
  const asked = new AbortController()
  const signal = AbortSignal.any([outer, asked.signal])
  // A file reaches a process on every system, and one that somebody else started.
  const reporter = openReporter(folder, before, () => existsSync(join(folder, runFiles.cancel)) && asked.abort())
  const alive = { pid: process.pid, error: null, endedAt: null, resumable: true } as const
  let leaveQueue: (() => Promise<void>) | undefined
  try {
    leaveQueue = await waitForTurn(folder, {
      parallel,
      signal,
      async onWait(ahead) {
        reporter.event({ type: 'queued', ahead })
        await reporter.update({ ...alive, state: 'queued' })
      },
    })
    const attempt = before.attempts + 1
    await reporter.update({ ...alive, state: 'running', attempts: attempt, startedAt: Date.now() })
    reporter.event({ type: 'attempt', attempt, pid: process.pid })
    const { result, outcome } = await run(folder, request, signal, reporter)
    const report = outcome.report ? await keepReport(folder, outcome.report) : null
    await deliver?.([result.path, ...Object.values(outcome.report ?? {}), ...Object.values(report ?? {})])
    reporter.event({ type: 'ended', state: 'done' })
    await reporter.update({
      state: 'done',
      endedAt: Date.now(),
      resumable: false,
      result: runNumbers(result, outcome),
      report,
    })
    return 0
  } catch (error) {
    const stopped = signal.aborted
    const state = stopped ? 'cancelled' : 'failed'
    const message = error instanceof Error ? error.message : String(error)
    reporter.event({ type: 'ended', state, ...(!stopped && { message }) })
    await reporter.update({
      state,
      endedAt: Date.now(),
      resumable: stopped || canGoOn(folder, request),
      error: stopped ? null : { code: codeOf(error), message },
    })
    if (!stopped) console.error(error)
    return stopped ? 130 : exitCodeOf(error)
  } finally {
    await reporter.close()
    await leaveQueue?.()
    await rm(join(folder, runFiles.cancel), { force: true })
  }
}

async function readBefore(folder: string, request: RunRequest): Promise<RunStatus> {
  try {
    return runStatus(JSON.parse(await readFile(join(folder, runFiles.status), 'utf8')), 'status')
  } catch {
    return firstStatus(basename(folder), request)
  }
}

const canGoOn = (folder: string, { out }: RunRequest): boolean =>
  existsSync(journalFolder(out)) || existsSync(join(folder, runFiles.result))

interface Finished {
  readonly result: RunResult
  readonly outcome: Outcome
}

async function run(folder: string, request: RunRequest, signal: AbortSignal, reporter: Reporter): Promise<Finished> {
  const plan = await planOf(folder, request)
  const result = (await readResult(folder)) ?? (await compressed(folder, plan, request.out, signal, reporter))
  if (plan.recipe.evaluate?.text !== undefined) reporter.event({ type: 'stage', stage: 'evaluate' })
  const outcome = await finishRun(plan, result, {
    report: request.report,
    signal,
    onProgress: ({ stage, done, total }) =>
      reporter.event({ type: 'progress', stage: `evaluate ${stage}`, done, total, unit: 'tokens' }),
  })
  return { result, outcome }
}

async function planOf(folder: string, request: RunRequest): Promise<Plan> {
  const recipe = checkRecipe(request.recipe as unknown as RecipeInput)
  const { threads, memory, out } = request
  // What is written already is not refused for being there.
  const written = existsSync(join(folder, runFiles.result))
  const model = await openModel(request.model)
  try {
    return await resolvePlan(model, recipe, {
      out: written ? undefined : out,
      threads: threads ?? undefined,
      memoryBudget: memory ?? undefined,
      resume: existsSync(journalFolder(out)),
    })
  } finally {
    await model.close()
  }
}

async function compressed(
  folder: string,
  plan: Plan,
  out: string,
  signal: AbortSignal,
  reporter: Reporter,
): Promise<RunResult> {
  const events = compress(plan, { out, resume: true, signal })
  while (true) {
    const { done, value } = await events.next()
    if (done) {
      await atomicWriteFile(join(folder, runFiles.result), JSON.stringify(value))
      reporter.event({ type: 'written', path: value.path, outputBytes: value.outputBytes })
      return value
    }
    if (value.type !== 'done') reporter.event(value)
  }
}

/** The result may be moved or deleted; what was measured of it stays with the run. */
async function keepReport(
  folder: string,
  { json, html }: NonNullable<Outcome['report']>,
): Promise<RunStatus['report']> {
  const kept = { json: join(folder, runFiles.reportJson), html: join(folder, runFiles.reportHtml) }
  await copyFile(json, kept.json)
  await copyFile(html, kept.html)
  return kept
}

/** Of an earlier attempt that was stopped while it measured or wrote its report. */
async function readResult(folder: string): Promise<RunResult | undefined> {
  const text = await readFile(join(folder, runFiles.result), 'utf8').catch(() => undefined)
  const result = text === undefined ? undefined : (JSON.parse(text) as RunResult)
  return result && existsSync(result.path) ? result : undefined
}

const codeOf = (error: unknown): string => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : 'unexpected'
}
