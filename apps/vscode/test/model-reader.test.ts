import { cp, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { magnitudeEdge } from '@sinter/eval'
import {
  createGgufWriter,
  encodeSafetensors,
  encodeValues,
  encodingNamed,
  ggufString,
  ggufU32,
  openCheckpoint,
  writeGguf,
  writeOnnx,
} from '@sinter/model'
import { f32, toF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createModelReader } from '../src/engine/model-reader.ts'
import { magnitudeEdge as magnitudeEdgeOfPage } from '../src/shared/magnitude-edge.ts'
import { bitsOf } from '../src/shared/model-reader.ts'
import { hostileNames, writeHollow } from './helpers/model-files.ts'

const demo = fileURLToPath(new URL('../../cli/assets/demo-model', import.meta.url))
const demoFile = join(demo, 'model.safetensors')

let folder = ''
const reader = createModelReader()
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-reader-'))
})
afterAll(async () => {
  await reader.dispose()
  await rm(folder, { recursive: true, force: true })
})

describe('the header', () => {
  it('of a safetensors file, with what the configuration beside it says', async () => {
    const header = await reader.open(demoFile)
    expect(header).toMatchObject({ kind: 'safetensors', tensors: 38, metadata: [['format', 'pt']] })
    expect(bitsOf(header)).toBe(16)
    expect(Object.fromEntries(header.facts)).toMatchObject({
      architecture: 'llama',
      blocks: '4',
      hiddenSize: '256',
      heads: '4',
      keyValueHeads: '2',
      vocabulary: '1024',
      tied: 'true',
    })
    expect(header.encodings).toEqual([
      { encoding: 'BF16', tensors: 38, values: header.values, bytes: header.values * 2 },
    ])
  })

  it('of a GGUF: true bits of its blocks, metadata as text, long arrays cut', async () => {
    const path = join(folder, 'blocks.gguf')
    await writeGgufOf(path)
    const header = await reader.open(path)
    expect(header).toMatchObject({ kind: 'gguf', tensors: 2 })
    const rows = await reader.tensors(path, 0, 10)
    expect(rows.map(row => [row.name, row.encoding, bitsOf(row)])).toEqual([
      ['a.weight', 'Q4_0', 4.5],
      ['b.weight', 'F32', 32],
    ])
    expect(Object.fromEntries(header.facts)).toEqual({ architecture: 'llama', blocks: '7' })
    expect(Object.fromEntries(header.metadata)['general.name']).toMatch(/^x{2000}… \(5000\)$/)
    await reader.close(path)
  })

  it('of 20 GB is read without the 20 GB', async () => {
    const path = join(folder, 'hollow.safetensors')
    const tensors = Array.from({ length: 200 }, (_, i) => ({ name: `layers.${i}.weight`, shape: [5000, 5000] }))
    const size = await writeHollow(path, tensors)
    expect(size).toBeGreaterThan(20e9)
    // What the file system holds of it; where it cannot have holes, the rest of the test would fill the disk.
    expect((await stat(path)).blocks * 512).toBeLessThan(1e6)
    const before = process.memoryUsage().arrayBuffers
    expect(await reader.open(path)).toMatchObject({ tensors: 200, bytes: 200 * 1e8 })
    expect((await reader.tensors(path, 150, 100)).map(row => row.name)).toHaveLength(50)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10e6)
    const groups = await reader.rowGroups(path, 'layers.199.weight', 4999, 1000)
    expect(groups.map(group => group.zeros)).toEqual([1000, 1000, 1000, 1000, 1000])
    await reader.close(path)
  })

  it('of an index is that of all its shards, and of none outside its folder', async () => {
    const shard = (name: string, value: number) =>
      encodeSafetensors(new Map([[name, f32([1], Float32Array.of(value))]]))
    await writeFile(join(folder, 'one.safetensors'), shard('a', 1))
    await writeFile(join(folder, 'two.safetensors'), shard('b', 2))
    const index = join(folder, 'model.safetensors.index.json')
    const write = (b: string) => writeFile(index, JSON.stringify({ weight_map: { a: 'one.safetensors', b } }))
    await write('two.safetensors')
    expect(await reader.open(index)).toMatchObject({ tensors: 2, bytes: 8 })
    expect((await reader.stats(index, 'b')).total.max).toBe(2)
    await reader.close(index)
    await write('../two.safetensors')
    await expect(reader.open(index)).rejects.toThrow('beside the index')
  })

  it('of hostile names: every one comes back as it is', async () => {
    const path = join(folder, 'hostile.safetensors')
    await writeHollow(
      path,
      hostileNames.map(name => ({ name, shape: [2] })),
    )
    const rows = await reader.tensors(path, 0, 100)
    expect(rows.map(row => row.name)).toEqual(hostileNames)
  })

  it('that is refused says why, and is tried again', async () => {
    const path = join(folder, 'later.safetensors')
    await expect(reader.open(path)).rejects.toThrow('no such file')
    await writeHollow(path, [{ name: 'a', shape: [1] }])
    expect((await reader.open(path)).tensors).toBe(1)
    await writeFile(join(folder, 'cut.gguf'), 'GGUF')
    await expect(reader.open(join(folder, 'cut.gguf'))).rejects.toThrow('cut.gguf')
  })
})

describe('values', () => {
  it('are those of the tensor, whatever its form', async () => {
    const name = 'model.layers.1.self_attn.k_proj.weight'
    const found = await reader.stats(demoFile, name, { groupSize: 64 })
    const checkpoint = await openCheckpoint(demo)
    const { data } = toF32(await checkpoint.source.read(name))
    await checkpoint.close()
    expect(found.matrix).toEqual([128, 256])
    expect(found.total.max).toBe(data.reduce((a, b) => Math.max(a, b), -Infinity))
    expect(found.total.mean).toBeCloseTo(data.reduce((a, b) => a + b, 0) / data.length, 12)
    expect(found.columnGroups).toMatchObject({ each: 64, parts: { length: 4 } })
    expect(found.rows.parts[5]!.absMax).toBe(Math.max(...data.subarray(5 * 256, 6 * 256).map(Math.abs)))
  })

  it('of blocks are decoded', async () => {
    const path = join(folder, 'decoded.gguf')
    const stored = await writeGgufOf(path)
    const { total } = await reader.stats(path, 'a.weight')
    expect(total).toMatchObject({ count: 128, min: Math.min(...stored), max: Math.max(...stored) })
  })

  it('of vectors, scalars, experts and nothing', async () => {
    const path = join(folder, 'shapes.safetensors')
    const tensors = new Map([
      ['vector', f32([5], Float32Array.of(1, -2, 3, Number.NaN, Infinity))],
      ['scalar', f32([], Float32Array.of(7))],
      [
        'experts',
        f32(
          [2, 3, 4],
          Float32Array.from({ length: 24 }, (_, i) => i),
        ),
      ],
      ['nothing', f32([0, 4], new Float32Array(0))],
    ])
    await writeFile(path, encodeSafetensors(tensors))
    expect(await reader.stats(path, 'vector')).toMatchObject({
      matrix: [1, 5],
      total: { count: 3, nan: 1, positiveInfinity: 1, min: -2, max: 3 },
    })
    expect(await reader.stats(path, 'scalar')).toMatchObject({ matrix: [1, 1], total: { min: 7 } })
    expect(await reader.stats(path, 'experts')).toMatchObject({ matrix: [6, 4], rows: { parts: { length: 6 } } })
    expect(await reader.stats(path, 'nothing')).toMatchObject({ total: { count: 0, mean: null } })
    expect((await reader.rowGroups(path, 'experts', 4, 2)).map(group => group.min)).toEqual([16, 18])
    expect((await reader.rowGroups(path, 'vector', 0, 2)).map(group => group.count)).toEqual([2, 1, 0])
    await expect(reader.rowGroups(path, 'experts', 6, 2)).rejects.toThrow('no row 6')
    await expect(reader.stats(path, 'absent')).rejects.toThrow('absent')
  })

  it('of which too many would have to be in memory at once are refused before they are read', async () => {
    const path = join(folder, 'wide.safetensors')
    await writeHollow(path, [{ name: 'w', shape: [2, 2 ** 28 + 1] }])
    await expect(reader.stats(path, 'w')).rejects.toThrow('268435457 values would have to be read at once')
  })

  it('stop being read when that is asked for', async () => {
    const path = join(folder, 'long.safetensors')
    await writeHollow(path, [{ name: 'w', shape: [64, 2 ** 20] }])
    const abort = new AbortController()
    const seen: number[] = []
    const onProgress = (done: number): void => {
      seen.push(done)
      if (seen.length === 2) abort.abort()
    }
    const stats = reader.stats(path, 'w', {}, { signal: abort.signal, onProgress })
    await expect(stats).rejects.toThrow(/abort/i)
    expect(seen).toEqual([2 ** 20, 2 ** 21])
  })
})

describe('an ONNX file', () => {
  it('of ours is the checkpoint that it stands for', async () => {
    const checkpoint = await openCheckpoint(demo)
    const out = join(folder, 'exported')
    await mkdir(out)
    const path = join(out, (await writeOnnx(out, checkpoint, { type: 'fp32' })).file)
    await checkpoint.close()
    expect(await reader.open(path)).toMatchObject({ kind: 'onnx', tensors: 38 })
    expect(Object.fromEntries((await reader.open(path)).facts).architecture).toBe('llama')
    const name = 'model.layers.0.mlp.up_proj.weight'
    const [a, b] = [await reader.stats(path, name), await reader.stats(demoFile, name)]
    expect(a.total.std).toBeCloseTo(b.total.std!, 3)
  })
})

describe('an ONNX file of others', () => {
  it('is the initializers of its graph', async () => {
    const [dims, float] = [Buffer.from([1 << 3, 2]), Buffer.from([2 << 3, 1])]
    const raw = Buffer.from(Float32Array.of(-1.5, 4).buffer)
    const tensor = field(5, dims, float, field(8, 'graph/w'), field(9, raw))
    const path = join(folder, 'theirs.onnx')
    await writeFile(path, field(7, tensor))
    expect(await reader.open(path)).toMatchObject({ kind: 'onnx', tensors: 1, facts: [] })
    expect(await reader.tensors(path, 0, 1)).toEqual([
      { name: 'graph/w', shape: [2], encoding: 'F32', values: 2, bytes: 8 },
    ])
    expect((await reader.stats(path, 'graph/w')).total).toMatchObject({ min: -1.5, max: 4 })
  })
})

describe('two models', () => {
  it('that are equal, and one that lost a tensor and changed another', async () => {
    const changed = join(folder, 'changed')
    await cp(demo, changed, { recursive: true })
    const checkpoint = await openCheckpoint(demo)
    const tensors = new Map<
      string,
      Parameters<typeof encodeSafetensors>[0] extends ReadonlyMap<string, infer T> ? T : never
    >()
    for (const name of checkpoint.source.names()) tensors.set(name, await checkpoint.source.read(name))
    await checkpoint.close()
    tensors.delete('model.norm.weight')
    const name = 'model.layers.0.mlp.up_proj.weight'
    const doubled = toF32(tensors.get(name)!)
    tensors.set(name, { ...doubled, data: doubled.data.map(x => 2 * x) })
    const path = join(changed, 'model.safetensors')
    await writeFile(path, encodeSafetensors(tensors))

    const { both, onlyBefore, onlyAfter } = await reader.compare(demoFile, path)
    expect([both.length, onlyBefore, onlyAfter]).toEqual([37, ['model.norm.weight'], []])
    expect(both.find(tensor => tensor.name === name)).toMatchObject({
      before: { encoding: 'BF16' },
      after: { encoding: 'F32' },
    })
    const found = await reader.difference(demoFile, path, name)
    expect(found.relative).toBeCloseTo(1, 12)
    expect(found.cosine).toBeCloseTo(1, 12)
    expect((await reader.difference(demoFile, path, 'model.embed_tokens.weight')).equal).toBe(true)
    await reader.endComparison(demoFile, path)
  })

  it('under other names and in another order of rows are told to be the same', async () => {
    const checkpoint = await openCheckpoint(demo)
    const [plain, rounded] = [join(folder, 'plain.gguf'), join(folder, 'rounded.gguf')]
    await writeGguf(plain, checkpoint, { encoding: 'BF16' })
    await writeGguf(rounded, checkpoint, { encoding: 'Q4_0' })
    await checkpoint.close()
    const { both, onlyBefore, onlyAfter } = await reader.compare(demoFile, plain)
    expect([both.length, onlyBefore, onlyAfter]).toEqual([38, [], []])
    // llama.cpp keeps the rows of queries and keys in an order of its own.
    const name = 'model.layers.1.self_attn.q_proj.weight'
    expect(await reader.difference(demoFile, plain, name)).toMatchObject({ equal: true, values: 65536 })
    await reader.compare(demoFile, rounded)
    const { relative, equal } = await reader.difference(demoFile, rounded, name)
    expect(equal).toBe(false)
    expect(relative).toBeGreaterThan(0.03)
    expect(relative).toBeLessThan(0.15)
    await reader.endComparison(demoFile, plain)
  })

  it('without a configuration are compared as they are stored', async () => {
    const [a, b] = [join(folder, 'a.safetensors'), join(folder, 'b.safetensors')]
    await writeFile(a, encodeSafetensors(new Map([['w', f32([2], Float32Array.of(1, 2))]])))
    await writeFile(b, encodeSafetensors(new Map([['w', f32([3], Float32Array.of(1, 2, 3))]])))
    expect((await reader.compare(a, b)).both).toMatchObject([{ before: { shape: [2] }, after: { shape: [3] } }])
    await expect(reader.difference(a, b, 'w')).rejects.toThrow('[2] in one model and [3] in the other')
  })
})

it('the page knows the edges of the bins that are counted', () => {
  for (let bin = 0; bin < 1020; bin++) expect(magnitudeEdgeOfPage(bin)).toBe(magnitudeEdge(bin))
})

/** @returns the values that its Q4_0 blocks stand for */
async function writeGgufOf(path: string): Promise<Float32Array> {
  const values = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i))
  const encoding = encodingNamed('Q4_0')
  const bytes = encodeValues(encoding, values, 64)
  const decoded = new Float32Array(128)
  encoding.decode(bytes, decoded)
  const metadata = new Map([
    ['general.architecture', ggufString('llama')],
    ['general.name', ggufString('x'.repeat(5000))],
    ['llama.block_count', ggufU32(7)],
  ])
  const writer = await createGgufWriter(path, metadata, [
    { name: 'a.weight', encoding, shape: [2, 64] },
    { name: 'b.weight', encoding: encodingNamed('F32'), shape: [3] },
  ])
  await writer.write('a.weight', bytes)
  await writer.write('b.weight', new Uint8Array(12))
  await writer.commit()
  return decoded
}

/** A field of a protobuf message with a length before it. */
const field = (number: number, ...parts: (Buffer | string)[]): Buffer => {
  const body = Buffer.concat(parts.map(part => Buffer.from(part as string)))
  return Buffer.concat([Buffer.from([(number << 3) | 2, body.length]), body])
}
