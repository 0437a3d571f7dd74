import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32 } from '@sinter/tensor-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openCheckpoint } from '../src/formats/hf-directory.ts'
import { copySideFiles, createWeightsWriter, writeConfig } from '../src/formats/hf-write.ts'
import { checkOutputFolder, createOutputFolder } from '../src/formats/output-folder.ts'
import { encodeSafetensors } from '../src/formats/safetensors.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hf-'))
})
afterEach(() => rm(root, { recursive: true }))

const weights = (names: readonly string[]): Uint8Array =>
  encodeSafetensors(new Map(names.map((name, i) => [name, f32([2], [i, i + 1])])))

async function model(folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const path = join(root, folder)
  await mkdir(path)
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content)
  return path
}

describe('opening', () => {
  it('a folder, its file of weights, and its index are the same model', async () => {
    const path = await model('m', {
      'config.json': '{"model_type":"llama"}',
      'model.safetensors': weights(['a']),
      'tokenizer_config.json': '{"chat_template":"{{ x }}"}',
      'generation_config.json': '{"eos_token_id":2}',
      'pytorch_model.bin': 'never read',
      'notes.txt': 'nor copied',
    })
    for (const name of ['', 'model.safetensors']) {
      const opened = await openCheckpoint(join(path, name))
      expect(opened.config).toEqual({ model_type: 'llama' })
      expect(opened.generationConfig).toEqual({ eos_token_id: 2 })
      expect(opened.chatTemplate).toBe('{{ x }}')
      expect(opened.files).toEqual(['config.json', 'generation_config.json', 'tokenizer_config.json'])
      expect((await opened.source.read('a')).data).toEqual(Float32Array.of(0, 1))
      await opened.close()
    }
  })

  it('a template file goes before the one in the config; of several the default one counts', async () => {
    const list = '{"chat_template":[{"name":"rag","template":"no"},{"name":"default","template":"yes"}]}'
    const files = { 'config.json': '{}', 'model.safetensors': weights(['a']), 'tokenizer_config.json': list }
    const first = await openCheckpoint(await model('list', files))
    const second = await openCheckpoint(await model('file', { ...files, 'chat_template.jinja': 'own' }))
    expect([first.chatTemplate, second.chatTemplate]).toEqual(['yes', 'own'])
    await first.close()
    await second.close()
  })

  it.each<[string, Readonly<Record<string, string>>, string]>([
    ['no weights', { 'config.json': '{}' }, 'has neither model.safetensors nor model.safetensors.index.json'],
    [
      'pickled weights',
      { 'config.json': '{}', 'pytorch_model.bin': '' },
      '.bin and .pt files can run code when opened and are not read: convert them to safetensors',
    ],
    ['a GGUF in a folder', { 'x.gguf': '' }, 'x.gguf'],
    [
      'two candidates',
      { 'config.json': '{}', 'a.safetensors': '', 'b.safetensors': '' },
      'has neither model.safetensors',
    ],
    ['no config', { 'model.safetensors': '' }, 'has no config.json'],
    ['a broken config', { 'config.json': '{', 'model.safetensors': '' }, 'config.json: not valid JSON'],
    [
      'a config with a key twice',
      { 'config.json': '{"a":1,"a":2}', 'model.safetensors': '' },
      'config.json: the key "a" occurs twice',
    ],
    [
      'a config that is a list',
      { 'config.json': '[]', 'model.safetensors': '' },
      'config.json: expected a JSON object',
    ],
    [
      'an empty file of weights',
      { 'config.json': '{}', 'model.safetensors': '' },
      'expected at least 8 bytes of safetensors, got 0',
    ],
  ])('%s is refused', async (name, files, message) => {
    await expect(openCheckpoint(await model(name.replaceAll(' ', '-'), files))).rejects.toThrow(message)
  })

  it('nothing, and another kind of file', async () => {
    await expect(openCheckpoint(join(root, 'none'))).rejects.toThrow('none: no such file or folder')
    await writeFile(join(root, 'a.bin'), '')
    await expect(openCheckpoint(join(root, 'a.bin'))).rejects.toThrow('expected a folder with config.json')
  })
})

describe('writing weights', () => {
  const specs = ['a', 'b', 'c', 'd'].map(name => ({ name, dtype: 'f32', shape: [4] }) as const)
  const value = (i: number) => f32([4], [i, i, i, i])

  it('one file when it is small enough, numbered shards and an index when not; any order; the same tensors', async () => {
    for (const [maxShardBytes, files] of [
      [1e9, ['model.safetensors']],
      [32, ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors', 'model.safetensors.index.json']],
      [10, [1, 2, 3, 4].map(i => `model-0000${i}-of-00004.safetensors`).concat('model.safetensors.index.json')],
    ] as const) {
      const folder = await model(`w${maxShardBytes}`, { 'config.json': '{}' })
      const writer = createWeightsWriter(folder, specs, { maxShardBytes })
      for (const [i, { name }] of [...specs.entries()].reverse()) await writer.write(name, value(i))
      await writer.commit()
      expect((await readdir(folder)).filter(name => name !== 'config.json').sort()).toEqual(files)
      const opened = await openCheckpoint(folder)
      expect([...opened.source.names()].sort()).toEqual(['a', 'b', 'c', 'd'])
      for (const [i, { name }] of specs.entries()) expect(await opened.source.read(name)).toEqual(value(i))
      await opened.close()
      if (maxShardBytes === 32)
        expect(JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'))).toEqual({
          metadata: { total_size: 64 },
          weight_map: { a: files[0], b: files[0], c: files[1], d: files[1] },
        })
    }
  })

  it('a shard does not appear before its last tensor, and no index before the last shard', async () => {
    const folder = await model('partial', {})
    const writer = createWeightsWriter(folder, specs, { maxShardBytes: 32 })
    await writer.write('a', value(0))
    expect(await readdir(folder)).toEqual(['.model-00001-of-00002.safetensors.partial'])
    await writer.write('b', value(1))
    expect(await readdir(folder)).toEqual(['model-00001-of-00002.safetensors'])
    await expect(writer.commit()).rejects.toThrow('2 announced tensors were not written: c,d')
    expect(await readdir(folder)).toEqual(['model-00001-of-00002.safetensors'])
  })

  it('side files are copied byte for byte', async () => {
    const odd = Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x0d, 0x0a, 0x7d)
    const from = await model('from', { 'tokenizer.json': odd, 'config.json': '{ "a" : 1 }' })
    const to = await model('to', {})
    await copySideFiles(from, ['tokenizer.json', 'config.json'], to, ['config.json'])
    await writeConfig(to, { a: 2 })
    expect(Buffer.compare(await readFile(join(to, 'tokenizer.json')), odd)).toBe(0)
    expect(await readFile(join(to, 'config.json'), 'utf8')).toBe('{\n  "a": 2\n}\n')
  })
})

describe('the output folder', () => {
  it('has its name only when it is complete; an earlier try is replaced, or kept to go on with', async () => {
    const path = join(root, 'sub', 'out')
    const first = await createOutputFolder(path)
    await writeFile(join(first.staging, 'x'), '1')
    expect(await readdir(join(root, 'sub'))).toEqual(['.out.partial'])
    const resumed = await createOutputFolder(path, { resume: true })
    expect(await readdir(resumed.staging)).toEqual(['x'])
    const fresh = await createOutputFolder(path)
    expect(await readdir(fresh.staging)).toEqual([])
    await writeFile(join(fresh.staging, 'y'), '2')
    await fresh.commit()
    expect(await readdir(join(root, 'sub'))).toEqual(['out'])
    expect(await readdir(path)).toEqual(['y'])
  })

  it('may exist if it is empty', async () => {
    const path = await model('empty', {})
    const out = await createOutputFolder(path)
    await writeFile(join(out.staging, 'y'), '2')
    await out.commit()
    expect(await readdir(path)).toEqual(['y'])
  })

  it('is refused when it has something in it, is a file, or is (in) the input, by whatever name', async () => {
    const input = await model('input', { 'config.json': '{}' })
    await mkdir(join(input, 'inner'))
    await symlink(input, join(root, 'alias'))
    await expect(checkOutputFolder(input)).rejects.toThrow(
      'exists and is not empty; choose another folder or remove it',
    )
    await expect(checkOutputFolder(join(input, 'config.json'))).rejects.toThrow('exists and is not a folder')
    const inside = 'lies inside the input'
    await expect(checkOutputFolder(join(input, 'new'), input)).rejects.toThrow(inside)
    await expect(checkOutputFolder(join(input, 'inner'), input)).rejects.toThrow(inside)
    await expect(checkOutputFolder(join(input, 'a', 'b'), input)).rejects.toThrow(inside)
    await expect(checkOutputFolder(join(root, 'alias', 'new'), input)).rejects.toThrow(inside)
    await expect(checkOutputFolder(join(input, 'new'), join(root, 'alias'))).rejects.toThrow(inside)
    await checkOutputFolder(join(root, 'input-2'), input)
  })

  it('is refused when its parent is read-only', async () => {
    const parent = await model('locked', {})
    await chmod(parent, 0o555)
    // The superuser may write anywhere: there the rule cannot be seen, only that it does no harm.
    const expected = process.getuid?.() === 0 ? undefined : `the folder ${parent} is read-only`
    const check = checkOutputFolder(join(parent, 'out'))
    if (expected) await expect(check).rejects.toThrow(expected)
    else await check
    await chmod(parent, 0o755)
  })
})
