/** A model in several files: any of them opens it, and llama.cpp takes what we write. */
import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32, toF32 } from '@sinter/tensor-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askLlamaCpp } from '../src/clients/llama-cpp.ts'
import { encodingNamed } from '../src/formats/encodings.ts'
import { openGguf } from '../src/formats/gguf.ts'
import { writeGguf } from '../src/formats/gguf-convert.ts'
import { openGgufModel } from '../src/formats/gguf-model.ts'
import { shardPath } from '../src/formats/gguf-shard-names.ts'
import { createGgufShardWriter } from '../src/formats/gguf-shards-write.ts'
import { type GgufValue, ggufString, ggufU32 } from '../src/formats/gguf-value.ts'
import { createGgufWriter } from '../src/formats/gguf-write.ts'
import { canRunLlamaCpp } from '../src/testing/can-run-llama-cpp.ts'
import { randomCheckpoint, tinyLlama } from '../src/testing/random-model.ts'
import { toyTokenizer } from '../src/testing/toy-tokenizer.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-shards-'))
})
afterEach(() => rm(folder, { recursive: true }))

const config = { ...tinyLlama, vocab_size: 96 }
const checkpoint = { ...randomCheckpoint(config), tokenizerJson: toyTokenizer }
/** An embedding of 6 KiB is larger than a file may be here. */
const shardBytes = 5000

const at = (index: number, count: number): string => shardPath(join(folder, 'model.gguf'), index, count)
const write = (options: { shardBytes?: number } = {}) =>
  writeGguf(join(folder, 'model.gguf'), checkpoint, { encoding: 'F32', ...options })

it('names: NAME-00001-of-00003.gguf, from the whole or from any part, in a folder or behind an address', () => {
  expect(shardPath('a/b.gguf', 0, 3)).toBe('a/b-00001-of-00003.gguf')
  expect(shardPath('a/b-00002-of-00003.gguf', 2, 3)).toBe('a/b-00003-of-00003.gguf')
  expect(shardPath('https://x/b-00002-of-00003.gguf?download=true', 0, 3)).toBe(
    'https://x/b-00001-of-00003.gguf?download=true',
  )
})

describe('what is written', () => {
  it('is read back whole from any of its files', async () => {
    await write({ shardBytes })
    const names = (await readdir(folder)).sort()
    const count = names.length
    expect(count).toBeGreaterThan(2)
    expect(names).toEqual(names.map((_, i) => shardPath('model.gguf', i, count)))
    for (const name of names) {
      const model = await openGgufModel(join(folder, name))
      expect(model.config).toMatchObject(config)
      expect([...model.source.names()].sort()).toEqual([...checkpoint.source.names()].sort())
      for (const tensor of model.source.names())
        expect(toF32(await model.source.read(tensor))).toEqual(toF32(await checkpoint.source.read(tensor)))
      await model.source.close()
    }
  })

  it('is one file when it fits, the same as without a limit', async () => {
    await write({ shardBytes: 2 ** 20 })
    expect(await readdir(folder)).toEqual(['model.gguf'])
    const file = await openGguf(join(folder, 'model.gguf'))
    expect(file.metadata.has('split.count')).toBe(false)
    await file.close()
  })

  it.runIf(canRunLlamaCpp)('llama.cpp computes the same from the files as from one', async () => {
    await write()
    await write({ shardBytes })
    const count = (await readdir(folder)).length - 1
    const ids = [[1, 40, 50, 33, 70, 21, 90, 30]]
    const [whole, parts] = await askLlamaCpp([
      { path: join(folder, 'model.gguf'), ids },
      { path: at(0, count), ids },
    ])
    expect(parts!.logits).toEqual(whole!.logits)
  })

  it('leaves nothing behind when it is not finished', async () => {
    const specs = ['a', 'b', 'c'].map(name => ({ name, shape: [4], encoding: encodingNamed('F32') }))
    const path = join(folder, 'model.gguf')
    const aborted = await createGgufShardWriter(path, new Map(), specs, 16)
    expect(aborted.path).toBe(at(0, 3))
    await aborted.abort()
    expect(await readdir(folder)).toEqual([])
    const lacking = await createGgufShardWriter(path, new Map(), specs, 16)
    for (const name of ['b', 'c']) await lacking.write(name, f32([4], [1, 2, 3, 4]))
    await expect(lacking.commit()).rejects.toThrow('1 announced tensors were not written: a')
    expect(await readdir(folder)).toEqual([])
  })

  it('is not spread over more files than are read', async () => {
    const specs = Array.from({ length: 5000 }, (_, i) => ({ name: `${i}`, shape: [4], encoding: encodingNamed('F32') }))
    const started = createGgufShardWriter(join(folder, 'model.gguf'), new Map(), specs, 16)
    await expect(started).rejects.toThrow('5000 files of 16 bytes; at most 4096 are read')
  })
})

describe('files that do not make a model are refused', () => {
  const u16 = (value: number): GgufValue => ({ type: 'u16', value })
  const keys = (no: GgufValue | undefined, count: GgufValue, rest: readonly [string, GgufValue][] = []) =>
    new Map<string, GgufValue>([...(no ? ([['split.no', no]] as const) : []), ['split.count', count], ...rest])

  async function file(
    path: string,
    metadata: ReadonlyMap<string, GgufValue>,
    names: readonly string[],
  ): Promise<string> {
    const specs = names.map(name => ({ name, shape: [1], encoding: encodingNamed('F32') }))
    const writer = await createGgufWriter(path, metadata, specs)
    for (const name of names) await writer.write(name, f32([1], [1]))
    await writer.commit()
    return path
  }

  it('a file that lost its name, or a neighbour', async () => {
    await write({ shardBytes })
    const count = (await readdir(folder)).length
    await cp(at(1, count), join(folder, 'other.gguf'))
    await expect(openGguf(join(folder, 'other.gguf'))).rejects.toThrow(
      `must be named ${shardPath('NAME.gguf', 1, count)}`,
    )
    await cp(at(1, count), join(folder, 'model-00007-of-00099.gguf'))
    await expect(openGguf(join(folder, 'model-00007-of-00099.gguf'))).rejects.toThrow(/is file 2 of \d+ of a model/)
    await rename(at(2, count), join(folder, 'gone'))
    await expect(openGguf(at(0, count))).rejects.toThrow(`${at(2, count)} of the same model is not there`)
  })

  it.each<[string, ReadonlyMap<string, GgufValue>, string]>([
    ['its number', keys(u16(0), u16(2)), 'expected split.no to be 1, got 0'],
    ['the number of files', keys(u16(1), u16(3)), 'expected split.count to be 2, got 3'],
    ['no numbers', new Map([['a', ggufString('b')]]), 'expected split.no to be 1, got undefined'],
  ])('a second file with another idea of %s', async (_, second, message) => {
    await file(at(0, 2), keys(u16(0), u16(2)), ['a'])
    await file(at(1, 2), second, ['b'])
    await expect(openGguf(at(0, 2))).rejects.toThrow(message)
  })

  it('a tensor in two files, or fewer tensors than there should be', async () => {
    await file(at(0, 2), keys(u16(0), u16(2)), ['a'])
    await file(at(1, 2), keys(u16(1), u16(2)), ['a'])
    await expect(openGguf(at(1, 2))).rejects.toThrow('the tensor "a" is in two files')
    await file(at(0, 2), keys(u16(0), u16(2), [['split.tensors.count', ggufU32(3)]]), ['a'])
    await file(at(1, 2), keys(u16(1), u16(2)), ['b'])
    await expect(openGguf(at(0, 2))).rejects.toThrow('split.tensors.count is 3, but the files have 2 tensors')
  })

  it('more files than are opened', async () => {
    for (const count of [5000, -1, 1.5]) {
      const path = await file(join(folder, 'model.gguf'), keys(u16(0), { type: 'f32', value: count }), [])
      await expect(openGguf(path)).rejects.toThrow(`split.count is ${count}; at most 4096 files are opened`)
    }
    await file(join(folder, 'model.gguf'), keys(undefined, u16(3)), [])
    await expect(openGguf(join(folder, 'model.gguf'))).rejects.toThrow('is file ? of 3 of a model')
  })
})
