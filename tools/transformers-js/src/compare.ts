import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate, type OnnxWriteOptions, openCheckpoint, openModel, writeGguf, writeOnnx } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { type BrowserDevice, findChromium, generateInBrowser } from './browser-run.ts'
import { llamaCppRate } from './llama-cpp-rate.ts'
import { type Generated, generateInNode, type RunOptions } from './node-run.ts'

export interface CompareOptions {
  readonly model: string
  readonly prompt: string
  readonly tokens: number
  readonly type: RunOptions['dtype']
  readonly write?: Omit<OnnxWriteOptions, 'type'>
  readonly browser?: readonly BrowserDevice[]
  /** New tokens in the browser's graphics processor, which in software takes half a minute for each. */
  readonly webgpuTokens?: number
  readonly llamaCpp?: boolean
  readonly say?: (line: string) => void
}

export interface Compared extends Omit<Generated, 'ids'> {
  readonly where: string
  /** Tokens that are ours, from the first on, and how many were made. */
  readonly same: number
  readonly tokens: number
}

/** Exports a model, continues a prompt greedily everywhere, and counts how far the results are our own. */
export async function compare(options: CompareOptions): Promise<readonly Compared[]> {
  const { prompt, tokens, type, browser = [], webgpuTokens = 8, say = () => {} } = options
  const place = await mkdtemp(join(tmpdir(), 'transformers-js-'))
  const folder = join(place, 'model')
  const rows: Compared[] = []
  const add = (where: string, ours: readonly number[], { ids, ...rates }: Generated) => {
    const first = ids.findIndex((id, i) => id !== ours[i])
    rows.push({ where, same: first < 0 ? ids.length : first, tokens: ids.length, ...rates })
    say(line(rows.at(-1)!))
  }
  try {
    await exportTo(folder, options)
    say(`${type}: ${((await bytesIn(join(folder, 'onnx'))) / 1e6).toFixed(1)} MB`)
    const { given, ids: ours, text } = await continueOurselves(folder, prompt, tokens)
    say(JSON.stringify(text))
    const run: RunOptions = { tokens, dtype: type }
    add('transformers.js in Node', ours, await generateInNode(folder, prompt, run))
    const chromium = findChromium()
    if (!chromium && browser.length > 0) say(`skipped: ${browser.join(' and ')} in a page, for there is no Chromium`)
    for (const device of chromium ? browser : []) {
      const length = device === 'webgpu' ? Math.min(tokens, webgpuTokens) : tokens
      const made = await generateInBrowser(chromium!, folder, prompt, { ...run, tokens: length, device })
      add(`transformers.js in Chromium, ${device}${made.adapter ? ` (${made.adapter})` : ''}`, ours, made)
    }
    // Other types are not what a GGUF holds.
    if (options.llamaCpp && (type === 'q4' || type === 'q8')) {
      const rate = await llamaCppRate(await ggufOf(folder, place), given, tokens)
      add('llama.cpp, the same matrices as Q4_0 and Q8_0', ours, rate)
    }
    return rows
  } finally {
    await rm(place, { recursive: true })
  }
}

function line({ where, same, tokens, tokensPerSecond, tokensPerProcessorSecond: processor }: Compared): string {
  const rate = processor === undefined ? '' : `, ${processor.toFixed(2)} for a second of processor time`
  return `${where}: ${same} of ${tokens} tokens are ours, ${tokensPerSecond.toFixed(2)} tokens/s${rate}`
}

async function exportTo(folder: string, { model, type, write }: CompareOptions): Promise<void> {
  const checkpoint = await openCheckpoint(model)
  try {
    await writeOnnx(folder, checkpoint, { ...write, type })
  } finally {
    await checkpoint.close()
  }
}

/** Our own greedy continuation, from the codes in the export. */
async function continueOurselves(
  folder: string,
  prompt: string,
  tokens: number,
): Promise<{ given: readonly number[]; ids: readonly number[]; text: string }> {
  const model = await openModel(folder)
  const backend = ortNodeBackend({ threads: 2 })
  try {
    const given = [...model.tokenizer!.encode(prompt)]
    const ids: number[] = []
    for await (const id of generate(model, backend, given, { tokens, temperature: 0, stopIds: [] })) ids.push(id)
    return { given, ids, text: model.tokenizer!.decode(ids) }
  } finally {
    await backend.close()
    await model.close()
  }
}

/** What the export holds, as a GGUF: its grids are those of Q4_0 and Q8_0. */
async function ggufOf(folder: string, place: string): Promise<string> {
  const checkpoint = await openCheckpoint(folder)
  const path = join(place, 'model.gguf')
  try {
    const encodingOf = ({ from }: { readonly from: string }) => {
      const { encoding } = checkpoint.source.info(from)
      return encoding === 'MatMulNBits:4' ? 'Q4_0' : encoding === 'MatMulNBits:8' ? 'Q8_0' : 'F16'
    }
    await writeGguf(path, checkpoint, { encoding: 'Q4_0', encodingOf })
  } finally {
    await checkpoint.close()
  }
  return path
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name))).size
  return bytes
}
