import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openOnnxBytes, type RandomAccessFile, writeOnnx } from '@sinter/model'
import { randomCheckpoint } from '@sinter/model/testing'
import { memoryFile } from './memory-file.ts'
import type { Seed, Target } from './target.ts'

/** Model files of a tiny decoder beside data that are sound: graph, tensors, and the JSON that says how to read them again. */
export async function onnxTarget(): Promise<Target> {
  const folder = await mkdtemp(join(tmpdir(), 'fuzz-'))
  try {
    const seeds: Seed[] = []
    const data = new Map<string, Uint8Array>()
    for (const type of ['q4', 'fp32']) {
      const { file } = await writeOnnx(join(folder, type), randomCheckpoint(), { type, blockSize: 16 })
      seeds.push({ bytes: Uint8Array.from(await readFile(join(folder, type, file))) })
      const beside = `${file.slice('onnx/'.length)}_data`
      data.set(beside, Uint8Array.from(await readFile(join(folder, type, 'onnx', beside))))
    }
    const open = async (name: string): Promise<RandomAccessFile> => memoryFile(data.get(name) ?? new Uint8Array(0))
    return { name: 'onnx', seeds, read: bytes => read(bytes, open) }
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function read(bytes: Uint8Array, open: (name: string) => Promise<RandomAccessFile>): Promise<string> {
  const source = await openOnnxBytes(bytes, 'file', open)
  for (const name of source.names()) {
    const { shape } = source.info(name)
    await source.weight(name)
    await source.read(name)
    if ((shape[0] ?? 0) > 1) await source.readRows(name, 1, 1)
  }
  return 'accepted'
}
