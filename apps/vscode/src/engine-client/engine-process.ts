import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { PROTOCOL } from '../shared/protocol.ts'
import { type Connection, createConnection } from './connection.ts'
import { EngineError } from './engine-error.ts'
import type { FoundNode } from './find-node.ts'

export interface EngineProgram {
  readonly node: FoundNode
  /** Flags of Node, and the program's file. */
  readonly args: readonly string[]
  /** Megabytes of JavaScript's heap; arrays of numbers are not in it. */
  readonly heapMegabytes?: number | undefined
  /** Who asks, for the handshake. */
  readonly client: string
  /** What the process writes on its standard error. */
  readonly onLog?: ((text: string) => void) | undefined
}

/** An engine that has answered the handshake. */
export interface EngineProcess {
  readonly pid: number
  readonly connection: Connection
  /** Kept when the process has ended. */
  readonly ended: Promise<void>
  /** TERM, and after a while KILL. */
  stop(): Promise<void>
}

const HANDSHAKE_MS = 20_000
const TERM_MS = 2000

/** What it wrote last says why it ended. */
const LOG_TAIL = 2000

/** Starts an engine. @throws EngineError when it does not answer, or speaks another version of the protocol */
export async function startEngine(program: EngineProgram): Promise<EngineProcess> {
  const child = spawnEngine(program)
  let log = ''
  child.stderr.on('data', (data: Buffer) => {
    log = (log + data.toString('utf8')).slice(-LOG_TAIL)
    program.onLog?.(data.toString('utf8'))
  })
  // It may end before it has read what was sent.
  child.stdin.on('error', () => {})
  const connection = createConnection(child.stdout, child.stdin, error => {
    connection.close(error)
    child.kill('SIGKILL')
  })
  const ended = new Promise<void>(resolve => {
    const end = (what: string): void => {
      connection.close(new EngineError('crashed', `the engine ended (${what})${log && `: ${log.trim()}`}`))
      resolve()
    }
    child.once('error', error => end(error.message))
    child.once('close', (code, signal) => end(signal ?? `exit code ${code}`))
  })
  const stop = (): Promise<void> => stopProcess(child, ended)
  try {
    await handshake(connection, program.client)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: child.pid!, connection, ended, stop }
}

function spawnEngine({ node, args, heapMegabytes }: EngineProgram): ChildProcessWithoutNullStreams {
  const heap = heapMegabytes === undefined ? [] : [`--max-old-space-size=${heapMegabytes}`]
  return spawn(node.path, [...heap, ...args], {
    env: { ...process.env, ...node.env, ORT_DISABLE_TELEMETRY: '1' },
    stdio: 'pipe',
    windowsHide: true,
  })
}

/** @throws EngineError when it does not answer in time, or speaks another version of the protocol */
export async function handshake(connection: Connection, client: string): Promise<void> {
  const { answer, abandon } = connection.request('initialize', { protocol: PROTOCOL, client })
  const timer = setTimeout(
    () => abandon(new EngineError('timeout', `the engine did not answer within ${HANDSHAKE_MS / 1000} s of its start`)),
    HANDSHAKE_MS,
  )
  try {
    await answer
  } finally {
    clearTimeout(timer)
  }
}

async function stopProcess(child: ChildProcessWithoutNullStreams, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), TERM_MS)
  await ended
  clearTimeout(timer)
}
