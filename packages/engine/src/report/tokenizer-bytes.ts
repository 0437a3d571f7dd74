import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'

const files = ['tokenizer.json', 'tokenizer.model', 'tokenizer_config.json', 'vocab.json', 'merges.txt', 'vocab.txt']

/** Bytes of a checkpoint's tokenizer files; nothing for a GGUF, which holds its tokenizer inside. */
export async function tokenizerBytes(model: string): Promise<{ readonly tokenizer?: number }> {
  const info = await stat(model)
  const folder = info.isDirectory() ? model : model.endsWith('.gguf') ? undefined : dirname(model)
  if (folder === undefined) return {}
  const found = await Promise.all(files.map(name => stat(join(folder, name)).catch(() => undefined)))
  return { tokenizer: found.reduce((sum, file) => sum + (file?.size ?? 0), 0) }
}
