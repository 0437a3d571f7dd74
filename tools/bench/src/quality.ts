/**
 * Perplexity and KL divergence of every method on a real checkpoint, one line of JSON a configuration.
 *
 *   node --conditions=@sinter/source tools/bench/src/quality.ts --model DIR --calibration FILE --text FILE --out FILE [--only name,name]
 */
import { execFileSync } from 'node:child_process'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '../../..')
const g64 = ['--group-size', '64']

const configurations: Readonly<Record<string, readonly string[]>> = {
  'rtn 4 sym': ['--method', 'rtn', '--bits', '4', ...g64, '--symmetric'],
  'rtn 4 asym': ['--method', 'rtn', '--bits', '4', ...g64, '--asymmetric'],
  'gptq 4 sym': ['--method', 'gptq', '--bits', '4', ...g64, '--symmetric'],
  'gptq 4 asym': ['--method', 'gptq', '--bits', '4', ...g64, '--asymmetric'],
  'awq 4 asym': ['--method', 'awq', '--bits', '4', ...g64, '--asymmetric'],
  balanced: ['--recipe', 'balanced'],
  'sparsegpt 50%': ['--method', 'sparsegpt', '--sparsity', '0.5'],
  'wanda 50%': ['--method', 'wanda', '--sparsity', '0.5'],
  'magnitude 50%': ['--method', 'magnitude', '--sparsity', '0.5'],
  'sparsegpt 2:4': ['--method', 'sparsegpt', '--pattern', '2:4'],
  'wanda 2:4': ['--method', 'wanda', '--pattern', '2:4'],
  'magnitude 2:4': ['--method', 'magnitude', '--pattern', '2:4'],
  'rtn 3 asym': ['--method', 'rtn', '--bits', '3', ...g64, '--asymmetric'],
  'gptq 3 asym': ['--method', 'gptq', '--bits', '3', ...g64, '--asymmetric'],
  'awq 3 asym': ['--method', 'awq', '--bits', '3', ...g64, '--asymmetric'],
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    calibration: { type: 'string' },
    text: { type: 'string' },
    out: { type: 'string' },
    only: { type: 'string' },
    flags: { type: 'string', default: '' },
    windows: { type: 'string', default: '10' },
  },
})
const { model, calibration, text, out } = values
if (!model || !calibration || !text || !out) throw new Error('give --model, --calibration, --text and --out')

function sinter(args: readonly string[]): string {
  return execFileSync(process.execPath, ['--conditions=@sinter/source', join(root, 'apps/cli/src/main.ts'), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 2 ** 20,
  })
}

const folder = await mkdtemp(join(tmpdir(), 'sinter-quality-'))
for (const name of values.only?.split(',') ?? Object.keys(configurations)) {
  const flags = [...configurations[name]!, ...values.flags.split(' ').filter(Boolean)]
  const target = join(folder, name.replace(/\W+/g, '-'))
  const started = performance.now()
  sinter([
    'compress',
    model,
    ...flags,
    '--calibration',
    calibration,
    '--samples',
    '64',
    '--length',
    '512',
    '--out',
    target,
    '--quiet',
  ])
  const seconds = (performance.now() - started) / 1000
  const report = JSON.parse(await readFile(`${target}.report.json`, 'utf8')) as Record<string, unknown>
  const quality = JSON.parse(
    sinter([
      'eval',
      target,
      '--base',
      model,
      '--text',
      text,
      '--windows',
      values.windows,
      '--length',
      '1024',
      '--json',
    ]),
  ) as Record<string, unknown>
  const line = JSON.stringify({ name, flags, seconds, quality, size: report.size })
  await appendFile(out, `${line}\n`)
  console.log(line)
  await rm(target, { recursive: true, force: true })
}
await rm(folder, { recursive: true, force: true })
