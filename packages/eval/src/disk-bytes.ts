import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Model, TensorSource } from '@sinter/model'

/** Bytes of a model's files. */
export interface DiskBytes {
  readonly weights: number
  /** Vocabulary and merges; in a GGUF all metadata, of which they are nearly everything. */
  readonly tokenizer: number
  readonly other: number
  readonly total: number
}

const tokenizerFile =
  /^(tokenizer(_config)?\.json|tokenizer\.model|vocab\.(json|txt)|merges\.txt|special_tokens_map\.json|added_tokens\.json|chat_template\..*)$/

const weightsFile = /\.(safetensors|gguf)$/

/** Files of a folder by kind; a single file is split into its tensors and what is before them. */
export async function diskBytes({ path, source }: Model): Promise<DiskBytes> {
  const { size, isFolder } = await stat(path).then(s => ({ size: s.size, isFolder: s.isDirectory() }))
  if (!isFolder) return fileBytes(source, size)
  const bytes = { weights: 0, tokenizer: 0, other: 0 }
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (!entry.isDirectory()) bytes[kindOf(entry.name)] += (await stat(join(path, entry.name))).size
  return { ...bytes, total: bytes.weights + bytes.tokenizer + bytes.other }
}

/** An index of shards is smaller than the tensors that it speaks of. */
function fileBytes(source: TensorSource, size: number): DiskBytes {
  const weights = source.names().reduce((sum, name) => sum + source.info(name).bytes, 0)
  const rest = Math.max(0, size - weights)
  const [tokenizer, other] = source.kind === 'gguf' ? [rest, 0] : [0, rest]
  return { weights, tokenizer, other, total: weights + rest }
}

function kindOf(name: string): 'weights' | 'tokenizer' | 'other' {
  if (weightsFile.test(name)) return 'weights'
  return tokenizerFile.test(name) ? 'tokenizer' : 'other'
}
