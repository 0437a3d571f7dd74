import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { worldText } from '@sinter/eval/world'
import { afterAll } from 'vitest'

export const demoModel: string = fileURLToPath(new URL('../../assets/demo-model', import.meta.url))

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  /** Everything on standard error so far. */
  stderr(): string
}

/** Starts the command line as a process of its own, from its sources. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, ['--conditions=@sinter/source', main, ...args], {
    env: { ...process.env, FORCE_COLOR: undefined, NO_COLOR: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', data => (stdout += data))
  child.stderr.on('data', data => (stderr += data))
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, stdout, stderr }))
  })
  return { child, finished, stderr: () => stderr }
}

/** Waits for something that a running command does. @throws Error when it ends before */
export async function until(run: Started, done: () => boolean): Promise<void> {
  let ended = false
  void run.finished.then(() => {
    ended = true
  })
  while (!done()) {
    if (ended) throw new Error(`the command ended before: ${run.stderr()}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

export const sinter = (...args: string[]): Promise<Finished> => start(args).finished

/** Runs to the end and reads its JSON. @throws Error with what it said when it fails */
export async function sinterJson<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await sinter(...args, '--json')
  if (code !== 0) throw new Error(`sinter ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

export interface Workplace {
  path(name: string): string
  readonly calibration: string
  readonly evaluation: string
}

/** A folder for one test file, with texts of the small world; it goes when the tests have ended. */
export function workplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-cli-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const path = (name: string) => join(folder, name)
  const calibration = path('calibration.txt')
  const evaluation = path('evaluation.txt')
  writeFileSync(calibration, worldText({ seed: 1, characters: 8000, half: 'calibration' }))
  writeFileSync(evaluation, worldText({ seed: 2, characters: 8000, half: 'evaluation' }))
  return { path, calibration, evaluation }
}
