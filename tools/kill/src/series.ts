import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../../..')

/** When a run is killed. */
export type Moment =
  /** As soon as this block's file has its final name. */
  | { readonly kind: 'block'; readonly block: number }
  /** As soon as the checkpoint of this step, or a later one, has its final name. */
  | { readonly kind: 'checkpoint'; readonly step: number }
  /** As soon as an unfinished file exists, whose name has `of` in it: inside a write. `skip` so many of them first. */
  | { readonly kind: 'write'; readonly skip: number; readonly of?: string }
  /** After this many milliseconds. */
  | { readonly kind: 'time'; readonly milliseconds: number }

export interface Job {
  /** Command and what follows it. */
  readonly args: readonly string[]
  readonly out: string
}

function start({ args, out }: Job, resume: boolean): ChildProcess {
  const cli = ['--conditions=@sinter/source', join(root, 'apps/cli/src/main.ts'), ...args]
  return spawn(process.execPath, [...cli, '--out', out, '--quiet', '--no-report', ...(resume ? ['--resume'] : [])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

/** Files that a run is writing, by their unfinished names. */
function unfinished(out: string): string[] {
  const folders = [`${out}.sinter-run`, join(out, '..'), join(out, '..', `.${out.split('/').at(-1)}.partial`)]
  return folders.flatMap(folder =>
    namesIn(folder)
      .filter(name => /\.partial$/.test(name))
      .map(name => join(folder, name)),
  )
}

/** A run that is about to end removes its folder while somebody looks into it. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

const blockFile = (out: string, block: number): string =>
  join(`${out}.sinter-run`, `block-${String(block).padStart(4, '0')}.safetensors`)

const checkpointStep = (out: string): number =>
  Math.max(0, ...namesIn(`${out}.sinter-run`).map(name => Number(/^step-(\d+)\./.exec(name)?.[1] ?? 0)))

/** Runs the job until the moment comes, then sends SIGKILL. @returns whether it was killed before it was done */
export async function runAndKill(job: Job, resume: boolean, moment: Moment): Promise<boolean> {
  const child = start(job, resume)
  const exited = new Promise<number | null>(resolve => child.on('exit', resolve))
  let errors = ''
  child.stderr!.on('data', data => {
    errors += String(data)
  })
  const seen = new Set<string>()
  const reached = () => {
    if (moment.kind === 'block') return existsSync(blockFile(job.out, moment.block))
    if (moment.kind === 'checkpoint') return checkpointStep(job.out) >= moment.step
    return inWrite(job.out, moment, seen)
  }
  const alreadyThere = (moment.kind === 'block' || moment.kind === 'checkpoint') && reached()
  const started = performance.now()
  let ended = false
  void exited.then(() => {
    ended = true
  })
  while (!ended) {
    const due = moment.kind === 'time' ? performance.now() - started >= moment.milliseconds : !alreadyThere && reached()
    if (due) child.kill('SIGKILL')
    await new Promise(resolve => setImmediate(resolve))
    if (due) break
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  const code = await exited
  if (code !== null && code !== 0) throw new Error(`the run ended with ${code}:\n${errors}`)
  return code === null
}

function inWrite(out: string, moment: Moment, seen: Set<string>): boolean {
  if (moment.kind !== 'write') return false
  for (const path of unfinished(out)) if (path.includes(moment.of ?? '')) seen.add(path)
  return seen.size > moment.skip
}

/** Runs the job to its end. */
export async function runToEnd(job: Job, resume: boolean): Promise<void> {
  const child = start(job, resume)
  let errors = ''
  child.stderr!.on('data', data => {
    errors += String(data)
  })
  const code = await new Promise<number | null>(resolve => child.on('exit', resolve))
  if (code !== 0) throw new Error(`the run ended with ${code}:\n${errors}`)
}

/** One hash over the names and bytes of a folder's files, or over a file. */
export function hashOf(path: string): string {
  const hash = createHash('sha256')
  if (path.endsWith('.gguf')) return hash.update(readFileSync(path)).digest('hex')
  for (const name of readdirSync(path).sort()) hash.update(name).update(readFileSync(join(path, name)))
  return hash.digest('hex')
}

/**
 * Kills the job at each of the moments, resuming in between, then lets it end.
 * @param onKill hears of the files that a killed run left unfinished
 * @returns how often it was killed before it was done
 */
export async function killSeries(
  job: Job,
  moments: readonly Moment[],
  onKill: (unfinished: readonly string[]) => void = () => {},
): Promise<number> {
  let kills = 0
  for (const moment of moments) {
    if (existsSync(job.out)) return kills
    if (!(await runAndKill(job, existsSync(`${job.out}.sinter-run`), moment))) continue
    kills++
    onKill(unfinished(job.out))
  }
  if (!existsSync(job.out)) await runToEnd(job, existsSync(`${job.out}.sinter-run`))
  return kills
}
