import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { inheritedFlags } from '@sinter/tensor-core'
import { FormatError, type FormatErrorCode } from './format-error.ts'
import { parseGgufHeader } from './gguf-header.ts'
import type { GgufMetadata } from './gguf-value.ts'

export interface TokenizerRequest {
  /** The checkpoint's. */
  readonly path: string
  readonly vocabSize: number
}

export type TokenizerReply =
  | { readonly header: Uint8Array<ArrayBuffer>; readonly notes: readonly string[] }
  | { readonly code: FormatErrorCode; readonly message: string }

/** A heap with a large nursery keeps what was thrown away for long: 150 MB with a vocabulary of a quarter of a million. */
const limits = { maxYoungGenerationSizeMb: 4 }

/**
 * The keys of a checkpoint's tokenizer, made in a thread of its own and handed over as a header's bytes: what a large
 * tokenizer.json leaves behind goes with the thread.
 * @throws FormatError as `tokenizerToGguf` does
 */
export async function tokenizerKeysApart(
  request: TokenizerRequest,
): Promise<{ readonly keys: GgufMetadata; readonly notes: readonly string[] }> {
  const file = import.meta.url.endsWith('.ts') ? './gguf-tokenizer-worker.ts' : './gguf-tokenizer-worker.js'
  const worker = new Worker(new URL(file, import.meta.url), {
    workerData: request,
    resourceLimits: limits,
    execArgv: inheritedFlags(),
  })
  const [reply] = (await once(worker, 'message')) as [TokenizerReply]
  await worker.terminate()
  if ('code' in reply) throw new FormatError(reply.code, reply.message)
  const { header, notes } = reply
  return { keys: parseGgufHeader(header, header.length, request.path)!.metadata, notes }
}
