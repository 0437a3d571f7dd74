import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FormatError, openOnnx, writeOnnx } from '@sinter/model'
import { randomCheckpoint } from '@sinter/model/testing'
import { memoryFile } from './memory-file.ts'
import type { Seed, Target } from './target.ts'

const config = {
  model_type: 'llama',
  vocab_size: 40,
  hidden_size: 32,
  intermediate_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 16,
  rms_norm_eps: 1e-5,
}

/** Models that we wrote, with their data beside them: what is accepted is read, tensor by tensor. */
export async function onnxTarget(): Promise<Target> {
  const data = new Map<string, Uint8Array>()
  const seeds: Seed[] = []
  for (const type of ['q4', 'q8', 'fp16', 'fp32']) {
    const files = await written(type)
    const model = [...files.keys()].find(name => name.endsWith('.onnx'))!
    seeds.push({ bytes: files.get(model)! })
    for (const [name, bytes] of files) if (name !== model) data.set(name, bytes)
  }
  const open = (bytes: Uint8Array) => async (path: string) => {
    if (path === MODEL) return memoryFile(bytes)
    const found = data.get(path.slice(FOLDER.length))
    if (found && path.startsWith(FOLDER)) return memoryFile(found)
    throw new FormatError('missing', `${path}: no such file`)
  }
  return {
    name: 'onnx',
    seeds,
    read: async bytes => {
      const source = await openOnnx(MODEL, open(bytes))
      for (const name of source.names()) {
        const { shape } = source.info(name)
        await source.read(name)
        if ((shape[0] ?? 0) > 1) await source.readRows(name, 1, 1)
        await source.weight(name)
      }
      return 'accepted'
    },
  }
}

const FOLDER = 'onnx/'
const MODEL = 'onnx/model'

async function written(type: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  try {
    await writeOnnx(folder, randomCheckpoint(config), { type })
    const inner = join(folder, 'onnx')
    const files = new Map<string, Uint8Array>()
    for (const name of await readdir(inner)) files.set(name, Uint8Array.from(await readFile(join(inner, name))))
    return files
  } finally {
    await rm(folder, { recursive: true })
  }
}
