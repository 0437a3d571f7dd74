import { rm } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { readBounded } from '../../runs/read-bounded.ts'
import { runIds, statusTime } from '../../runs/read-runs.ts'
import { runFiles, runFolder } from '../../runs/run-folder.ts'
import { isAtWork } from '../../runs/run-process.ts'
import { nullable, object, whole } from '../../shared/guard.ts'
import { replaceFile } from './status-file.ts'

/** What is in the file `turn` of a run that waits or is at work. */
interface Place {
  readonly pid: number
  /** The lowest goes first; null while it is being chosen. */
  readonly number: number | null
}

const place = object<Place>({ pid: whole(1, 2 ** 32), number: nullable(whole(1, 2 ** 40)) })

const MAX_PLACE_BYTES = 1000

export interface QueueOptions {
  /** How many runs may be at work at once. */
  readonly parallel: number
  readonly signal: AbortSignal
  /** Called once, if it has to wait. */
  readonly onWait: (ahead: number) => Promise<void>
  /** Milliseconds between two looks. Default 250. */
  readonly everyMs?: number | undefined
  /** After so many looks without a sign of life another run counts as gone. Default: those of a minute. */
  readonly silentLooks?: number | undefined
}

/**
 * Waits until fewer than so many runs beside this one are at work or came earlier. It is Lamport's bakery: every run takes a number higher
 * than those it sees and writes into its own folder only, so there is no lock that a killed process could leave behind.
 * @returns gives the place up
 * @throws the signal's reason when it is aborted
 */
export async function waitForTurn(
  folder: string,
  { parallel, signal, onWait, everyMs = 250, silentLooks = 60_000 / everyMs }: QueueOptions,
): Promise<() => Promise<void>> {
  const id = basename(folder)
  const workspace = resolve(folder, '../../..')
  const file = join(folder, runFiles.turn)
  const leave = (): Promise<void> => rm(file, { force: true })
  const take = (number: number | null): Promise<void> =>
    replaceFile(file, JSON.stringify({ pid: process.pid, number } satisfies Place))
  const isSilent = silence(workspace, silentLooks)
  try {
    await take(null)
    const number = 1 + Math.max(0, ...(await otherPlaces(workspace, id)).map(other => other.number ?? 0))
    await take(number)
    let waits = false
    while (true) {
      signal.throwIfAborted()
      const earlier = (await otherPlaces(workspace, id)).filter(
        other => other.number === null || other.number < number || (other.number === number && other.id < id),
      )
      const silent = await Promise.all(earlier.map(other => isSilent(other.id)))
      const ahead = silent.filter(gone => !gone).length
      if (ahead < parallel) return leave
      if (!waits) await onWait(ahead)
      waits = true
      await setTimeout(everyMs)
    }
  } catch (error) {
    await leave()
    throw error
  }
}

/** Of the runs whose process is there; what a killed one left counts for nothing. */
async function otherPlaces(workspace: string, own: string): Promise<(Place & { readonly id: string })[]> {
  const found = await Promise.all(
    (await runIds(workspace)).map(async id => {
      const read = id === own ? undefined : await readPlace(join(runFolder(workspace, id), runFiles.turn))
      return read && (await isAtWork(read.pid, id)) ? [{ ...read, id }] : []
    }),
  )
  return found.flat()
}

async function readPlace(path: string): Promise<Place | undefined> {
  try {
    return place(JSON.parse(await readBounded(path, MAX_PLACE_BYTES)), 'turn')
  } catch {
    return undefined
  }
}

/**
 * Whether a run has not said anything for a while: where the system does not tell what a process is, its number may by now be another
 * program's. Looks are counted and no time is taken, since while the machine sleeps nobody says anything.
 */
function silence(workspace: string, looks: number): (id: string) => Promise<boolean> {
  const seen = new Map<string, { readonly time: number | undefined; readonly times: number }>()
  return async id => {
    const time = await statusTime(workspace, id)
    const before = seen.get(id)
    const times = before?.time === time ? (before?.times ?? 0) + 1 : 0
    seen.set(id, { time, times })
    return times >= looks
  }
}
