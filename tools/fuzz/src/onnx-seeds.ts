import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeOnnx } from '@sinter/model'
import { randomCheckpoint } from '@sinter/model/testing'
import type { Seed } from './seeds.ts'

/** Whole model files of a tiny decoder: their graph and tensors, and the JSON that says how to read them again. */
export async function onnxSeeds(): Promise<Seed[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  try {
    const seeds: Seed[] = []
    for (const type of ['q4', 'fp32']) {
      const { file } = await writeOnnx(join(folder, type), randomCheckpoint(), { type, blockSize: 16 })
      seeds.push({ kind: 'onnx', bytes: Uint8Array.from(await readFile(join(folder, type, file))), dataBytes: 0 })
    }
    return seeds
  } finally {
    await rm(folder, { recursive: true })
  }
}
