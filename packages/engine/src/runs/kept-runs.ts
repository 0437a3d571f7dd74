import { open, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { SinterError } from '@sinter/model'
import { z } from 'zod'
import { removeRunFolder } from './remove-run-folder.ts'

/** Runs of a folder are kept in folders of it, whoever started them; docs/editor-runs.md has their files. */
const KEPT = join('.sinter', 'runs')

/** A status is a page of text. */
const MAX_STATUS_BYTES = 4 * 2 ** 20
const MAX_RUNS = 10_000

/** What is known of a run at a glance. Times are milliseconds since 1970. */
export interface KeptRun {
  readonly id: string
  readonly state: 'starting' | 'queued' | 'running' | 'cancelled' | 'failed' | 'done'
  readonly pid: number | null
  readonly methods: readonly string[]
  readonly model: string
  readonly out: string
  readonly createdAt: number
  readonly endedAt: number | null
  readonly progress: { readonly stage: string; readonly done: number; readonly total: number } | null
  readonly error: { readonly message: string } | null
  readonly result: {
    readonly outputBytes: number
    readonly bitsPerWeight: number
    readonly seconds: number
    /** Nats. */
    readonly kl: number | null
  } | null
}

const status: z.ZodType<Omit<KeptRun, 'id'>> = z.object({
  state: z.enum(['starting', 'queued', 'running', 'cancelled', 'failed', 'done']),
  pid: z
    .int()
    .min(1)
    .max(2 ** 32)
    .nullable(),
  methods: z.array(z.string()).max(1000),
  model: z.string(),
  out: z.string(),
  createdAt: z.number(),
  endedAt: z.number().nullable(),
  progress: z.object({ stage: z.string(), done: z.number(), total: z.number() }).nullable(),
  error: z.object({ message: z.string() }).nullable(),
  result: z
    .object({ outputBytes: z.number(), bitsPerWeight: z.number(), seconds: z.number(), kl: z.number().nullable() })
    .nullable(),
})

/** All that a folder keeps, the newest first. What has no readable status is none. */
export async function keptRuns(folder: string): Promise<KeptRun[]> {
  const names = (await readdir(join(folder, KEPT)).catch(() => [])).filter(isRunId).slice(0, MAX_RUNS)
  const runs = await Promise.all(names.map(id => keptRun(folder, id)))
  return runs.filter(run => run !== undefined).sort((a, b) => b.createdAt - a.createdAt)
}

/**
 * Asks a run to stop; it does at the next block, and can be resumed.
 * @throws SinterError `unknown-name` when there is none of that name at work
 */
export async function stopKeptRun(folder: string, id: string): Promise<void> {
  await expectRun(folder, id, isUnderWay, 'is at work or waits')
  await writeFile(join(folder, KEPT, id, 'cancel'), '')
}

/**
 * Removes what is kept of a run that is over. Its result stays, and so does its unfinished work.
 * @throws SinterError `unknown-name` when there is none of that name that is over; as `removeRunFolder` does
 */
export async function removeKeptRun(folder: string, id: string): Promise<void> {
  await expectRun(folder, id, run => !isUnderWay(run), 'is over')
  await removeRunFolder(join(folder, KEPT, id))
}

async function expectRun(folder: string, id: string, fits: (run: KeptRun) => boolean, expected: string): Promise<void> {
  const run = isRunId(id) ? await keptRun(folder, id) : undefined
  if (run && fits(run)) return
  const now = run ? `is ${run.state}` : 'is not there'
  throw new SinterError('unknown-name', `expected a run of ${folder} that ${expected}; ${JSON.stringify(id)} ${now}`)
}

/** Names of folders and no paths. */
const isRunId = (id: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/.test(id)

const isUnderWay = ({ state }: Pick<KeptRun, 'state'>): boolean =>
  state === 'starting' || state === 'queued' || state === 'running'

async function keptRun(folder: string, id: string): Promise<KeptRun | undefined> {
  const read = await readBounded(join(folder, KEPT, id, 'status.json')).catch(() => undefined)
  const { data } = status.safeParse(read)
  if (!data) return undefined
  const run = { id, ...data }
  if (run.state === 'starting' || !isUnderWay(run) || run.pid === null || (await isAtWork(run.pid, id))) return run
  // Nobody else will say so: a process that was killed could not.
  const message = `process ${run.pid} ended without saying why; process.log in ${join(KEPT, id)} may say more`
  return { ...run, state: 'failed', error: { message } }
}

async function readBounded(path: string): Promise<unknown> {
  const file = await open(path)
  try {
    if ((await file.stat()).size > MAX_STATUS_BYTES) return undefined
    return JSON.parse(await file.readFile('utf8'))
  } finally {
    await file.close()
  }
}

/** Numbers of processes are used again: where the system tells a command line, the run's folder must be in it. */
async function isAtWork(pid: number, id: string): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined)
  if (command === undefined) return process.platform !== 'linux'
  return command.split('\0').some(part => part.endsWith(sep + join(KEPT, id)))
}
