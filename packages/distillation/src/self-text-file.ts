import { open } from 'node:fs/promises'
import { type Model, SinterError } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { type SelfTextOptions, selfText } from './self-text.ts'

export interface SelfTextFileOptions extends Omit<SelfTextOptions, 'done'> {
  /** JSONL file that texts are added to; what it holds already counts. */
  readonly out: string
  readonly onText?: (done: number, count: number) => void
}

/**
 * Writes `selfText` into a JSONL file, one text a line with what it was made from (`index`, first token and number of greedy
 * ones), each durable when the next begins. A file that a killed run left is gone on with: a line that is cut is written again.
 * @returns texts in the file
 * @throws SinterError `output` when the file's lines are not of this model, seed and length
 */
export async function writeSelfText(model: Model, backend: Backend, options: SelfTextFileOptions): Promise<number> {
  const { out, count, length, seed = 0, onText } = options
  const { tokenizer } = model
  if (!tokenizer) throw new SinterError('tokenizer', `${model.path} has no tokenizer: its text cannot be written down`)
  const file = await open(out, 'a+')
  try {
    const done = await keepWholeLines(file, out, { seed: String(seed), length })
    onText?.(done, count)
    for await (const { index, ids, greedy } of selfText(model, backend, { ...options, done })) {
      const text = tokenizer.decode([...ids])
      const line = { text, index, first: ids[0], greedy, tokens: ids.length, seed: String(seed), length }
      await file.appendFile(`${JSON.stringify(line)}\n`)
      await file.datasync()
      onText?.(index + 1, count)
    }
    return Math.max(done, count)
  } finally {
    await file.close()
  }
}

/** The largest file that is read whole to be gone on with: tens of millions of tokens. */
const MAX_BYTES = 2 ** 29

async function keepWholeLines(
  file: Awaited<ReturnType<typeof open>>,
  out: string,
  expected: { readonly seed: string; readonly length: number },
): Promise<number> {
  const { size } = await file.stat()
  if (size > MAX_BYTES)
    throw new SinterError(
      'output',
      `${out}: ${size} bytes; a file of more than ${MAX_BYTES} cannot be gone on with, name another`,
    )
  const bytes = Buffer.alloc(size)
  await file.read(bytes, 0, size, 0)
  const end = bytes.lastIndexOf(10) + 1
  const lines = bytes.subarray(0, end).toString('utf8').split('\n').slice(0, -1)
  for (const [i, line] of lines.entries()) {
    const found = parse(line)
    if (found?.index !== i || found.seed !== expected.seed || found.length !== expected.length)
      throw new SinterError(
        'output',
        `${out}:${i + 1}: expected text ${i} of seed ${expected.seed} with ${expected.length} tokens at most; the file is of another run: name another, or delete it`,
      )
  }
  await file.truncate(end)
  return lines.length
}

function parse(line: string): { index?: unknown; seed?: unknown; length?: unknown } | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}
