/**
 * Converts a GGUF file of plain numbers to llama.cpp's mixes, by `sinter convert` and by `llama_model_quantize`, each as a whole
 * process, in turn; compares every byte of the two files, and says what each took.
 *
 *     node --conditions=@sinter/source tools/bench/src/convert-llama-cpp.ts FILE.gguf FOLDER [MIXES] [ROUNDS] [THREADS] [IMATRIX]
 *
 * MIXES are names with commas between them; the results of ROUNDS are the medians.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadLlamaQuantize } from '@sinter/ggml'
import { ggufMixes, meanSquares, openGguf, readImatrix } from '@sinter/model'
import type { Usage } from './usage.ts'

const issue = 'Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0,Q3_K_M,Q2_K,IQ4_XS'
const usageModule = new URL('./usage.ts', import.meta.url).href
const cli = fileURLToPath(new URL('../../../apps/cli/src/main.ts', import.meta.url))
const self = fileURLToPath(import.meta.url)

interface Run extends Usage {
  readonly seconds: number
}

/** The process that is measured against ours. */
async function quantize([input, output, mix, threads, imatrix]: string[]): Promise<void> {
  const importance = imatrix
    ? new Map([...(await readImatrix(imatrix)).entries].map(([name, entry]) => [name, meanSquares(entry)]))
    : undefined
  const { fileType } = ggufMixes[mix!]!
  loadLlamaQuantize().quantize(input!, output!, {
    fileType,
    threads: Number(threads),
    ...(importance && { importance }),
  })
}

async function compare([input, folder, mixes = issue, rounds = '3', threads = '2', imatrix]: string[]): Promise<void> {
  if (!input || !folder) throw new Error('give FILE.gguf and FOLDER')
  for (const mix of mixes.split(',')) {
    const [ours, theirs] = [join(folder, 'ours.gguf'), join(folder, 'theirs.gguf')]
    const runs: { ours: Run; theirs: Run }[] = []
    for (let round = 0; round < Number(rounds); round++) {
      await Promise.all([ours, theirs].map(path => rm(path, { force: true })))
      const convert = [cli, 'convert', input, '--to', `gguf:${mix}`, '--out', ours, '--threads', threads, '--quiet']
      const other = [self, '--quantize', input, theirs, mix, threads, ...(imatrix ? [imatrix] : [])]
      const measureOurs = () => measure([...convert, ...(imatrix ? ['--imatrix', imatrix] : [])], folder)
      const measureTheirs = () => measure(other, folder)
      // Who goes first finds the files cold, or the processor busy.
      if (round % 2 === 0) runs.push({ ours: await measureOurs(), theirs: await measureTheirs() })
      else {
        const first = await measureTheirs()
        runs.push({ ours: await measureOurs(), theirs: first })
      }
    }
    console.log(JSON.stringify({ mix, ...(await differences(ours, theirs)), ...summary(runs) }))
    await Promise.all([ours, theirs].map(path => rm(path, { force: true })))
  }
}

async function measure(command: readonly string[], folder: string): Promise<Run> {
  const file = join(folder, 'usage.json')
  const started = performance.now()
  const child = spawn(process.execPath, ['--conditions=@sinter/source', '--import', usageModule, ...command], {
    env: { ...process.env, USAGE_FILE: file },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`)
  const seconds = (performance.now() - started) / 1000
  return { seconds, ...(JSON.parse(await readFile(file, 'utf8')) as Usage) }
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

function summary(runs: readonly { ours: Run; theirs: Run }[]) {
  const of = (who: 'ours' | 'theirs', what: keyof Run) => median(runs.map(run => run[who][what]))
  const round = (value: number) => Number(value.toFixed(2))
  const ratio = (what: keyof Run) => round(median(runs.map(run => run.ours[what] / run.theirs[what])))
  return {
    wall: [round(of('ours', 'seconds')), round(of('theirs', 'seconds')), ratio('seconds')],
    cpu: [round(of('ours', 'cpuSeconds')), round(of('theirs', 'cpuSeconds')), ratio('cpuSeconds')],
    peakMiB: [Math.round(of('ours', 'peakBytes') / 2 ** 20), Math.round(of('theirs', 'peakBytes') / 2 ** 20)],
  }
}

/** How many tensors differ in type, and in a byte; and whether the files are the same to the last one. */
async function differences(ours: string, theirs: string) {
  const [a, b] = [await openGguf(ours), await openGguf(theirs)]
  try {
    const names = b.names()
    const types = names.filter(name => !a.has(name) || a.info(name).encoding !== b.info(name).encoding)
    const bytes: string[] = []
    for (const name of names) if (types.includes(name) || !(await sameBytes(a, b, name))) bytes.push(name)
    return {
      tensors: names.length,
      otherTypes: types.length + a.names().length - names.length,
      otherBytes: bytes.length,
      ...(bytes.length > 0 && { such: bytes.slice(0, 3).map(name => `${name} ${b.info(name).encoding}`) }),
      sameFile: await sameFiles(ours, theirs),
    }
  } finally {
    await a.close()
    await b.close()
  }
}

type Source = Awaited<ReturnType<typeof openGguf>>

async function sameBytes(a: Source, b: Source, name: string): Promise<boolean> {
  return Buffer.from(await a.readBytes(name)).equals(await b.readBytes(name))
}

async function sameFiles(a: string, b: string): Promise<boolean> {
  const files = [await open(a), await open(b)]
  try {
    const [first, second] = [Buffer.alloc(2 ** 22), Buffer.alloc(2 ** 22)]
    while (true) {
      const read = [await files[0]!.read(first), await files[1]!.read(second)]
      if (read[0]!.bytesRead !== read[1]!.bytesRead) return false
      if (read[0]!.bytesRead === 0) return true
      if (!first.subarray(0, read[0]!.bytesRead).equals(second.subarray(0, read[0]!.bytesRead))) return false
    }
  } finally {
    for (const file of files) await file.close()
  }
}

const args = process.argv.slice(2)
if (args[0] === '--quantize') await quantize(args.slice(1))
else await compare(args)
