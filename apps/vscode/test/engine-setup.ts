import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { worldText } from '@sinter/eval/world'
import { afterAll } from 'vitest'
import {
  createEngineClient,
  type EngineClient,
  type EngineClientOptions,
  type FoundNode,
  findNode,
} from '../src/engine-client/index.ts'
import { until } from './helpers/until.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export const demoModel: string = here('../../cli/assets/demo-model')
export const flags: readonly string[] = ['--conditions=@sinter/source', '--disable-warning=ExperimentalWarning']
export const engineMain: string = here('../src/engine/engine-main.ts')
export const runMain: string = here('../src/engine/run-main.ts')
const cliMain = here('../../cli/src/main.ts')

export const node = (): Promise<FoundNode> => findNode([{ path: process.execPath }])

/** A client of the engine from its sources; it ends with the tests of a file. */
export function engineClient(options: Partial<EngineClientOptions> = {}): EngineClient {
  const client = createEngineClient({
    findNode: node,
    args: [...flags, engineMain],
    client: 'test',
    ...options,
  })
  afterAll(() => client.dispose())
  return client
}

export interface Workplace {
  readonly folder: string
  path(name: string): string
  readonly calibration: string
}

/** A folder for one test file, with a text to calibrate on; it goes when the tests have ended. */
export function workplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-vscode-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  const path = (name: string) => join(folder, name)
  const calibration = path('calibration.txt')
  writeFileSync(calibration, worldText({ seed: 1, characters: 80_000, half: 'calibration' }))
  return { folder, path, calibration }
}

/** A recipe for the demo model as an editor has it. */
export const recipeText = (calibration: string, more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    version: 1,
    model: demoModel,
    steps: [{ method: 'gptq', bits: 4, groupSize: 32 }],
    calibration: { text: calibration, samples: 8, length: 128 },
    ...more,
  })

/** The command line, to its end. @throws Error with what it said when it fails */
export async function sinter(...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [...flags, cliMain, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', data => (said += data))
  const code = await new Promise(resolve => child.on('close', resolve))
  if (code !== 0) throw new Error(`sinter ${args.join(' ')} ended with ${code}: ${said}`)
}

export const weights = (out: string): Buffer => readFileSync(join(out, 'model.safetensors'))

/** An engine without a client: what is written goes in as it is. */
export function rawEngine(): {
  child: ChildProcess
  write(text: string): void
  next(): Promise<Record<string, unknown>>
} {
  const child = spawn(process.execPath, [...flags, engineMain], { stdio: ['pipe', 'pipe', 'inherit'] })
  afterAll(() => void child.kill('SIGKILL'))
  let text = ''
  const messages: Record<string, unknown>[] = []
  child.stdout.on('data', (data: Buffer) => {
    const lines = (text + data.toString('utf8')).split('\n')
    text = lines.pop()!
    messages.push(...lines.map(line => JSON.parse(line) as Record<string, unknown>).filter(({ method }) => !method))
  })
  return {
    child,
    write: line => void child.stdin.write(line),
    next: () => until(() => messages.shift()),
  }
}
