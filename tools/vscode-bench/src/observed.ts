import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { addExtension } from './add-extension.ts'
import { bench } from './install.ts'

/** What was seen of a host, its engine and its runs. */
export interface Observed {
  /** Processes of a program that were there, the newest last. */
  processes(program: string): number[]
  /** Hosts that anything connected to, but this machine. */
  strangers(): string[]
  /** What engine and runs left in the user's cache, where ONNX Runtime would keep what it tells of its users. */
  telemetry(): string[]
  /** Of the extension host, since its last report a quarter of a second before. */
  hostFacts(): HostFacts | undefined
  /** A run waits, alive, as soon as it has written a file whose path ends so; undefined lets all go on. */
  hold(file: string | undefined): void
}

export interface HostFacts {
  readonly pid: number
  /** The longest work of its one thread that nothing came between, in milliseconds of processor. */
  readonly longestTaskMs: number
  readonly residentBytes: number
}

const source = (name: string): string => fileURLToPath(new URL(`companion/${name}`, import.meta.url))
const holdRuns = join(bench, '../../apps/vscode/test/helpers/hold-runs.cjs')

/** Files of a host's folder. */
const paths = (folder: string) => ({
  observed: join(folder, 'observed'),
  facts: join(folder, 'facts.json'),
  held: join(folder, 'held'),
  node: join(folder, 'bin/node'),
  cache: join(folder, 'engine-cache'),
})

/** For the server's environment; it keeps `NODE_OPTIONS` from its children. */
export function observedEnv(folder: string): Record<string, string> {
  const { observed, facts } = paths(folder)
  return {
    SINTER_OBSERVED: observed,
    SINTER_HOST_FACTS: facts,
    NODE_OPTIONS: `--require=${JSON.stringify(source('observe.cjs'))}`,
  }
}

/**
 * Lets a host be seen: a companion in its extension host, and a Node for engine and runs that is seen too.
 * @param node that runs them
 * @returns settings
 */
export function addObserver(folder: string, node: string): Record<string, string> {
  const manifest = {
    name: 'companion',
    main: './main.cjs',
    activationEvents: ['*'],
    capabilities: { untrustedWorkspaces: { supported: true } },
    contributes: { commands: [{ command: 'companion.compress', title: 'Companion: Compress the Demo Model' }] },
  }
  const files = ['main.cjs', 'observe.cjs'].map(name => [name, readFileSync(source(name), 'utf8')])
  addExtension(folder, manifest, Object.fromEntries(files))
  const { held, node: wrapper, cache } = paths(folder)
  const options = [source('observe.cjs'), holdRuns].map(path => `--require=${JSON.stringify(path)}`).join(' ')
  for (const made of [join(wrapper, '..'), cache]) mkdirSync(made)
  writeFileSync(held, '')
  const env = { NODE_OPTIONS: options, SINTER_TEST_HOLD: held, XDG_CACHE_HOME: cache }
  const lines = [...Object.entries(env).map(([name, value]) => `export ${name}='${value}'`), `exec '${node}' "$@"`]
  writeFileSync(wrapper, ['#!/bin/sh', ...lines, ''].join('\n'))
  chmodSync(wrapper, 0o755)
  return { 'sinter.nodePath': wrapper }
}

export function observedOf(folder: string): Observed {
  const { observed, facts, held, cache } = paths(folder)
  const lines = (): string[][] =>
    existsSync(observed)
      ? readFileSync(observed, 'utf8')
          .split('\n')
          .map(line => line.split('\t'))
      : []
  return {
    processes: program => [
      ...new Set(lines().flatMap(([pid, name]) => (name === program && pid !== undefined ? [Number(pid)] : []))),
    ],
    strangers: () => [...new Set(lines().flatMap(([, , host]) => (host && !isHere(host) ? [host] : [])))],
    telemetry: () => readdirSync(cache, { recursive: true, encoding: 'utf8' }),
    hostFacts: () => (existsSync(facts) ? (JSON.parse(readFileSync(facts, 'utf8')) as HostFacts) : undefined),
    hold: file => writeFileSync(held, file ?? ''),
  }
}

const isHere = (host: string): boolean => host === 'localhost' || host === '::1' || /^127\./.test(host)
