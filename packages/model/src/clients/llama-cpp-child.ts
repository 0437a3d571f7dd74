/**
 * Opens GGUF files in llama.cpp and prints what it computes as JSON. It runs in a process of its own, because llama.cpp
 * aborts on files it does not like. The first argument names a JSON file with an array of `ClientInput`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { Llama, LlamaModel, Token } from 'node-llama-cpp'

export interface ClientInput {
  readonly path: string
  /** An adapter file to apply to it. */
  readonly lora?: string
  /** Rows of token ids: each row is one text. */
  readonly ids: readonly (readonly number[])[]
  /** Tokens to continue the first row with, most likely first. */
  readonly greedy: number
  /** Texts to tokenize; special tokens are recognised in them, none is put around them. */
  readonly texts: readonly string[]
  /** Where the logits go: f32, row-major, [rows, tokens, vocabulary]. */
  readonly logitsTo?: string
  /** For files that do not say it. */
  readonly vocabSize?: number
  /** Tokens in one call, at most 8: llama.cpp sums in another order when it gets another number of them. */
  readonly atOnce?: number
}

export interface ClientOutput {
  readonly architecture: string
  readonly vocabSize: number
  readonly greedy: readonly number[]
  readonly tokenized: readonly (readonly number[])[]
}

/** Tokens asked for together: each answer is a Map of the whole vocabulary, tens of bytes an entry. */
const AT_ONCE = 8

async function evaluate(model: LlamaModel, input: ClientInput): Promise<number[]> {
  const { ids, greedy, logitsTo, lora, atOnce = AT_ONCE } = input
  const longest = Math.max(1, ...ids.map(row => row.length))
  const context = await model.createContext({
    contextSize: longest + greedy + 8,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
    threads: 1,
    ...(lora !== undefined && { lora: { adapters: [{ filePath: lora }] } }),
  })
  const rows: Float32Array[] = []
  const sequence = context.getSequence()
  for (const row of logitsTo === undefined ? [] : ids) {
    await sequence.clearHistory()
    // Without topK 0, topP 1, minP 0 only the few tokens that survive sampling come back.
    const options = { temperature: 1, topK: 0, topP: 1, minP: 0 }
    for (let i = 0; i < row.length; i += atOnce) {
      const results = await sequence.controlledEvaluate(
        row.slice(i, i + atOnce).map(id => [id as Token, { generateNext: { logits: true, options } }]),
      )
      for (const result of results) {
        const logits = new Float32Array(vocabularyOf(model, input))
        for (const [token, value] of result?.next.logits ?? []) logits[token] = value
        rows.push(logits)
      }
    }
  }
  if (logitsTo !== undefined) writeFileSync(logitsTo, Buffer.concat(rows.map(r => new Uint8Array(r.buffer))))
  const out: number[] = []
  await sequence.clearHistory()
  if (greedy > 0)
    for await (const token of sequence.evaluate(ids[0] as Token[], { temperature: 0, yieldEogToken: true })) {
      out.push(token)
      if (out.length >= greedy) break
    }
  return out
}

function vocabularyOf({ fileInfo: { metadata } }: LlamaModel, { vocabSize }: ClientInput): number {
  const fields = metadata as unknown as Readonly<Record<string, { readonly vocab_size?: number }>>
  const size = fields[metadata.general.architecture]?.vocab_size ?? vocabSize
  if (size === undefined) throw new Error('the file does not say how many tokens there are')
  return size
}

async function answer(llama: Llama, input: ClientInput): Promise<ClientOutput> {
  const model = await llama.loadModel({ modelPath: input.path })
  const output: ClientOutput = {
    architecture: model.fileInfo.metadata.general.architecture,
    vocabSize: vocabularyOf(model, input),
    greedy: input.ids.length > 0 ? await evaluate(model, input) : [],
    tokenized: input.texts.map(text => model.tokenize(text, true) as number[]),
  }
  await model.dispose()
  return output
}

const say = (line: unknown): void => console.log(`\n@@${JSON.stringify(line)}`)

async function main(): Promise<void> {
  const library = await import('node-llama-cpp').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  })
  if (!library) return say({ missing: ['node-llama-cpp'] })
  const inputs = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as ClientInput[]
  const llama = await library.getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    progressLogs: false,
    logLevel: library.LlamaLogLevel.error,
  })
  for (const input of inputs) say(await answer(llama, input))
  await llama.dispose()
}

await main().catch((error: unknown) => say({ error: error instanceof Error ? error.message : String(error) }))
