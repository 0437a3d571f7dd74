import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SinterError } from '@sinter/model'
import { askForLogits } from './ask-for-logits.ts'
import type { Client } from './client.ts'

const child = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './onnx-runtime-child.ts' : './onnx-runtime-child.js', import.meta.url),
)

const client = { name: 'ONNX Runtime', install: () => 'install Sinter again with its dependency onnxruntime-node' }

/** ONNX Runtime on the processor; for .onnx files, and folders with `onnx/`. */
export const onnxRuntime: Client = {
  name: client.name,
  opens: async path => (await onnxFiles(path)).length > 0,
  expects: async (_, path) =>
    /_(q4|q4f16|q8|int8|uint8|quantized|bnb4|fp16)\.onnx$/.test((await onnxFiles(path))[0] ?? '')
      ? { tolerance: 0.2, causes: ['weights of this file are rounded, which the model that was exported need not be'] }
      : { tolerance: 0.002, causes: ['ONNX Runtime sums in another order'] },
  ask: async ({ path, ids, prompt, greedy }) => {
    const file = oneOf(path, await onnxFiles(path))
    return askForLogits(client, process.execPath, [child], { path: file, ids, prompt, greedy })
  },
}

/** The .onnx files that a path means. */
export async function onnxFiles(path: string): Promise<readonly string[]> {
  if (path.endsWith('.onnx')) return [path]
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return []
  for (const folder of [join(path, 'onnx'), path]) {
    const names = (await readdir(folder).catch(() => [])).filter(name => name.endsWith('.onnx')).sort()
    if (names.length > 0) return names.map(name => join(folder, name))
  }
  return []
}

function oneOf(path: string, files: readonly string[]): string {
  if (files.length === 1) return files[0]!
  throw new SinterError('option', `${path}: has several models; give one of them: ${files.join(', ')}`)
}
