/**
 * Times Sinter beside llm-compressor, whole processes in turn: start, load, calibrate, compress, save. Both read the same
 * checkpoint and the same windows of the same text.
 *
 *   node tools/bench/src/compare-peers.ts --model DIR --text FILE --venv DIR [--methods gptq,rtn] [--pairs 3] [--out FILE]
 *
 * The venv is made when it is missing (needs python3; torch makes it some gigabytes). Run it on an otherwise idle machine: two busy
 * processes share the cores' floating point units, and every ratio is then of the noise.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gemmRate } from './gemm-rate.ts'

const root = join(import.meta.dirname, '../../..')

interface Measured {
  readonly wall: number
  readonly cpu: number
  readonly rssMiB: number
}

const sinterFlags: Readonly<Record<string, readonly string[]>> = {
  rtn: ['--method', 'rtn', '--bits', '4', '--group-size', '64', '--symmetric'],
  gptq: ['--method', 'gptq', '--bits', '4', '--group-size', '64', '--symmetric'],
  awq: ['--method', 'awq', '--bits', '4', '--group-size', '64', '--asymmetric'],
  sparsegpt: ['--method', 'sparsegpt', '--sparsity', '0.5'],
  wanda: ['--method', 'wanda', '--sparsity', '0.5'],
}

/** Runs a command under GNU time's accounting: the operating system's own word on processor time and peak memory. */
async function measure(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Measured> {
  const report = join(tmpdir(), `sinter-time-${process.pid}`)
  const started = performance.now()
  const child = spawn('/usr/bin/time', ['-o', report, '-f', '%U %S %M', command, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env,
  })
  let errors = ''
  child.stderr.on('data', data => {
    errors = (errors + String(data)).slice(-4000)
  })
  const code = await new Promise<number | null>(resolve => child.on('exit', resolve))
  const wall = (performance.now() - started) / 1000
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${errors}`)
  const [user, system, kilobytes] = (await readFile(report, 'utf8')).trim().split('\n').at(-1)!.split(' ').map(Number)
  return { wall, cpu: user! + system!, rssMiB: kilobytes! / 1024 }
}

function ensureVenv(venv: string): string {
  const python = join(venv, 'bin/python')
  if (existsSync(python)) return python
  for (const [command, ...args] of [
    ['python3', '-m', 'venv', venv],
    [python, '-m', 'pip', 'install', '-q', 'llmcompressor==0.14.*'],
  ] as const)
    if (spawnSync(command, args, { stdio: 'inherit' }).status !== 0)
      throw new Error(`${command} ${args.join(' ')} failed`)
  return python
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    text: { type: 'string' },
    venv: { type: 'string', default: join(tmpdir(), 'sinter-peers') },
    methods: { type: 'string', default: 'gptq,sparsegpt,wanda,awq,rtn' },
    pairs: { type: 'string', default: '1' },
    keep: { type: 'string' },
    samples: { type: 'string', default: '64' },
    length: { type: 'string', default: '512' },
    out: { type: 'string' },
  },
})
if (!values.model || !values.text) throw new Error('give --model DIR and --text FILE')
const python = ensureVenv(values.venv)
const folder = await mkdtemp(join(tmpdir(), 'sinter-bench-'))
const peerEnv = {
  ...process.env,
  OPENBLAS_CORETYPE: undefined,
  OPENBLAS_L2_SIZE: undefined,
  TOKENIZERS_PARALLELISM: 'false',
}
// What the root package.json sets for `pnpm sinter`.
const ourEnv = {
  ...process.env,
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '4194304',
  MALLOC_TRIM_THRESHOLD_: '4194304',
  NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compile'),
}
const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!
const show = ({ wall, cpu, rssMiB }: Measured) =>
  `${wall.toFixed(1)} s wall, ${cpu.toFixed(1)} s cpu, ${rssMiB.toFixed(0)} MiB`

for (const method of values.methods.split(',')) {
  const ratios: { wall: number; cpu: number }[] = []
  for (let pair = 0; pair < Number(values.pairs); pair++) {
    const rate = await gemmRate(2)
    const target = join(values.keep ?? folder, `${method}-${pair}`)
    const common = ['--samples', values.samples, '--length', values.length]
    const cli = [
      '--conditions=@sinter/source',
      join(root, 'apps/cli/src/main.ts'),
      'compress',
      values.model,
      '--calibration',
      values.text,
    ]
    const ours = await measure(
      process.execPath,
      [...cli, ...sinterFlags[method]!, ...common, '--out', `${target}-sinter`, '--quiet'],
      ourEnv,
    )
    const theirs = await measure(
      python,
      [
        join(import.meta.dirname, '../peers/llm-compressor.py'),
        method,
        values.model,
        `${target}-peer`,
        values.text,
        ...common,
      ],
      peerEnv,
    )
    ratios.push({ wall: ours.wall / theirs.wall, cpu: ours.cpu / theirs.cpu })
    const line = `${method} pair ${pair + 1}: sinter ${show(ours)} | llm-compressor ${show(theirs)} | GEMM ${rate.toFixed(0)} GFLOP/s | ratio wall ${ratios.at(-1)!.wall.toFixed(2)}, cpu ${ratios.at(-1)!.cpu.toFixed(2)}`
    console.log(line)
    if (values.out) await appendFile(values.out, `${line}\n`)
    await rm(`${target}-peer`, { recursive: true, force: true })
    if (!values.keep) await rm(`${target}-sinter`, { recursive: true, force: true })
  }
  console.log(
    `${method}: median ratio wall ${median(ratios.map(r => r.wall)).toFixed(2)}, cpu ${median(ratios.map(r => r.cpu)).toFixed(2)}`,
  )
}
await rm(folder, { recursive: true, force: true })
