import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SinterError } from '@sinter/model'
import { inheritedFlags } from '@sinter/tensor-core'
import { askForLogits } from './ask-for-logits.ts'
import type { Client, Expectation } from './client.ts'

const child = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './onnx-runtime-child.ts' : './onnx-runtime-child.js', import.meta.url),
)

const client = { name: 'ONNX Runtime', install: () => 'install Sinter again with its dependency onnxruntime-node' }

const plain: Expectation = { tolerance: 0.002, causes: ['ONNX Runtime sums in another order'] }
const codes: Expectation = {
  tolerance: 0.5,
  causes: ['ONNX Runtime rounds activations to 8 bits before products with codes where the file says accuracy level 4'],
}
const exported: Expectation = {
  tolerance: 0.5,
  causes: [
    'the file is not compared with itself: an export may have rounded the weights of the model that it was made from',
  ],
}

/** ONNX Runtime on the processor; for .onnx files, and folders with `onnx/`. */
export const onnxRuntime: Client = {
  name: client.name,
  opens: async path => (await onnxFiles(path)).length > 0,
  expects: async (model, path) => {
    if (model.path !== path) return exported
    const [file = ''] = await onnxFiles(path)
    return /_(q\d|q4f16|quantized|int8|uint8|bnb4)\.onnx$/.test(file) ? codes : plain
  },
  ask: async ({ path, ids, prompt, greedy }) => {
    const file = oneOf(path, await onnxFiles(path))
    return askForLogits(client, process.execPath, [...inheritedFlags(), child], { path: file, ids, prompt, greedy })
  },
}

/** The .onnx files that a path means. */
async function onnxFiles(path: string): Promise<readonly string[]> {
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
