import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { runFiles } from './run-folder.ts'

/** One line of a run's events, as it was written: `type` says what else is there. */
export interface RunLine {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly type: string
  readonly [key: string]: unknown
}

export interface RunLines {
  readonly lines: readonly RunLine[]
  /** Where the next read begins: after the last whole line. */
  readonly offset: number
}

/** At most this much is read at once. */
const PIECE = 2 ** 20

/**
 * Events of a run from a place in its log. A line that is still being written waits for the next read; one that a killed process left
 * unfinished is passed over.
 * @param offset bytes; 0, or what an earlier read gave
 */
export async function readEvents(folder: string, offset: number): Promise<RunLines> {
  const file = await open(join(folder, runFiles.events), 'r').catch(() => undefined)
  if (!file) return { lines: [], offset }
  try {
    const buffer = Buffer.alloc(PIECE)
    const { bytesRead } = await file.read(buffer, 0, PIECE, offset)
    const whole = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
    // A line of a whole piece is no event; it is passed over so that those after it are read.
    if (whole === 0) return { lines: [], offset: bytesRead === PIECE ? offset + PIECE : offset }
    const lines = buffer.subarray(0, whole).toString('utf8').split('\n').flatMap(parseLine)
    return { lines, offset: offset + whole }
  } finally {
    await file.close()
  }
}

function parseLine(text: string): RunLine[] {
  try {
    const value: unknown = JSON.parse(text)
    return isLine(value) ? [value] : []
  } catch {
    return []
  }
}

const isLine = (value: unknown): value is RunLine =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as RunLine).type === 'string' &&
  typeof (value as RunLine).at === 'number'
