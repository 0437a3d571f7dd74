import { parentPort, workerData } from 'node:worker_threads'
import { FormatError } from './format-error.ts'
import { tokenizerKeys } from './gguf-convert.ts'
import type { TokenizerReply, TokenizerRequest } from './gguf-tokenizer-thread.ts'
import { layoutGguf } from './gguf-write.ts'
import { openCheckpoint } from './hf-directory.ts'

const { path, vocabSize } = workerData as TokenizerRequest

async function answer(): Promise<TokenizerReply> {
  const checkpoint = await openCheckpoint(path)
  try {
    const { keys, notes } = tokenizerKeys(checkpoint, vocabSize)
    return { header: layoutGguf(keys, []).header as Uint8Array<ArrayBuffer>, notes }
  } catch (error) {
    if (error instanceof FormatError) return { code: error.code, message: error.message }
    throw error
  } finally {
    await checkpoint.close()
  }
}

const reply = await answer()
parentPort!.postMessage(reply, 'header' in reply ? [reply.header.buffer] : [])
