import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { runFiles } from '../../runs/run-folder.ts'

/** How a Node of the same kind is started on the program of a run. */
export interface RunProgram {
  readonly node: string
  /** Flags of Node, and the program's file. */
  readonly args: readonly string[]
}

/** With one arena and a fixed threshold glibc gives freed buffers back; left alone it keeps some 300 MB of them. */
const environment = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '4194304',
  MALLOC_TRIM_THRESHOLD_: '4194304',
  ORT_DISABLE_TELEMETRY: '1',
}

/** A process that fails at once, as with a damaged program, does so within this time. */
const EARLY_MS = 100

/**
 * Starts the process of a run. It is nobody's child: it goes on when this process, its window or its terminal ends.
 * @param parallel how many runs may be at work at once: it waits for those beyond
 * @throws Error when it cannot be started
 */
export async function spawnRun(program: RunProgram, folder: string, parallel: number): Promise<void> {
  const log = openSync(join(folder, runFiles.log), 'a')
  try {
    const child = spawn(program.node, [...program.args, folder, String(parallel)], {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...environment },
      windowsHide: true,
    })
    child.unref()
    const failure = new Promise<never>((_, reject) => child.once('error', reject))
    await Promise.race([failure, setTimeout(EARLY_MS)])
    // Later errors are of signals that did not arrive.
    child.on('error', () => {})
    failure.catch(() => {})
  } finally {
    closeSync(log)
  }
}
