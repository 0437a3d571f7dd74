import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  createGgufWriter,
  encodeSafetensors,
  encodingNamed,
  type GgufValue,
  ggufArray,
  ggufString,
  ggufU32,
} from '@sinter/model'
import { f32, type Tensor, zeros } from '@sinter/tensor-core'
import { onnxSeeds } from './onnx-seeds.ts'

/** A sound file to start from. */
export interface Seed {
  readonly kind: 'safetensors' | 'gguf' | 'onnx'
  readonly bytes: Uint8Array
  /** Bytes after the header. */
  readonly dataBytes: number
}

export async function makeSeeds(): Promise<readonly Seed[]> {
  return [...safetensorsSeeds(), await ggufSeed(), ...(await onnxSeeds())]
}

function safetensorsSeeds(): Seed[] {
  const small = new Map<string, Tensor>([
    ['model.embed_tokens.weight', f32([4, 2], new Float32Array(8))],
    ['model.norm.weight', zeros('bf16', [4])],
    ['flags', zeros('bool', [3])],
  ])
  const many = new Map<string, Tensor>(
    Array.from({ length: 40 }, (_, i) => [`layers.${i}.weight`, zeros('f16', [2, i])]),
  )
  const seed = (tensors: ReadonlyMap<string, Tensor>, metadata: Readonly<Record<string, string>>): Seed => {
    const dataBytes = [...tensors.values()].reduce((sum, t) => sum + t.data.byteLength, 0)
    return { kind: 'safetensors', bytes: encodeSafetensors(tensors, metadata), dataBytes }
  }
  return [seed(small, { format: 'pt' }), seed(many, {}), seed(new Map(), {})]
}

async function ggufSeed(): Promise<Seed> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  try {
    const metadata = new Map<string, GgufValue>([
      ['general.architecture', ggufString('llama')],
      ['general.name', ggufString('seed')],
      ['llama.block_count', ggufU32(1)],
      ['llama.rope.freq_base', { type: 'f32', value: 10000 }],
      ['count', { type: 'u64', value: 2n ** 40n }],
      ['flag', { type: 'bool', value: true }],
      ['tokenizer.ggml.tokens', ggufArray('string', ['a', 'b', '▁c', ''])],
      ['tokenizer.ggml.scores', ggufArray('f32', [0, -1, -2, -3])],
      ['nested', { type: 'array', of: 'array', value: [ggufArray('i32', [1, 2]), ggufArray('u8', [])] }],
    ])
    const path = join(folder, 'seed.gguf')
    const spec = (name: string, encoding: string, shape: readonly number[]) => ({
      name,
      encoding: encodingNamed(encoding),
      shape,
    })
    const specs = [
      spec('token_embd.weight', 'F32', [4, 8]),
      spec('blk.0.attn_q.weight', 'Q4_0', [2, 64]),
      spec('output_norm.weight', 'F16', [8]),
    ]
    const writer = await createGgufWriter(path, metadata, specs)
    for (const { name, shape } of specs) await writer.write(name, zeros('f32', shape))
    await writer.commit()
    return { kind: 'gguf', bytes: Uint8Array.from(await readFile(path)), dataBytes: 0 }
  } finally {
    await rm(folder, { recursive: true })
  }
}
