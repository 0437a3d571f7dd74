/** What a GGUF file says about a tokenizer beside its tokens: roles, ends of turns, the chat template. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openGguf } from '../src/formats/gguf.ts'
import { type GgufCheckpoint, writeGguf } from '../src/formats/gguf-convert.ts'
import { openModel } from '../src/open-model.ts'
import { randomCheckpoint, tinyLlama } from '../src/testing/random-model.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gguf-tokenizer-'))
})
afterAll(() => rm(folder, { recursive: true }))

const added = ['<|bos|>', '<|text-end|>', '<|turn-end|>', '<|im_end|>', '<|pad|>']
const vocab = Object.fromEntries(Array.from({ length: 35 }, (_, i) => [String.fromCharCode(97 + i), i]))
/** 35 letters, then the special tokens: 40 in all, as many as the tiny model has. */
const tokenizerJson = {
  model: { type: 'BPE', vocab, merges: [] },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
  added_tokens: added.map((content, i) => ({ id: 35 + i, content, special: true })),
  post_processor: {
    type: 'TemplateProcessing',
    single: [{ SpecialToken: { id: '<|bos|>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
    pair: [],
    special_tokens: { '<|bos|>': { id: '<|bos|>', ids: [35], tokens: ['<|bos|>'] } },
  },
}
const tokenizerConfig = { eos_token: '<|text-end|>', pad_token: '<|pad|>' }

async function written(extra: Partial<GgufCheckpoint>) {
  const path = join(folder, 'f.gguf')
  const { config, source } = randomCheckpoint({ ...tinyLlama, ...extra.config })
  await writeGguf(path, { source, tokenizerJson, tokenizerConfig, ...extra, config }, { encoding: 'F32' })
  const { metadata, close } = await openGguf(path)
  await close()
  const model = await openModel(path)
  await model.close()
  return { key: (name: string) => metadata.get(`tokenizer.${name}`)?.value, model }
}

describe('tokens with a role', () => {
  it('that the post-processor or the configuration names', async () => {
    const { key, model } = await written({})
    expect(key('ggml.bos_token_id')).toBe(35)
    expect(key('ggml.eos_token_id')).toBe(36)
    expect(key('ggml.padding_token_id')).toBe(39)
    expect(key('ggml.add_bos_token')).toBe(true)
    expect(key('ggml.add_eos_token')).toBe(false)
    expect(key('ggml.eot_token_id')).toBeUndefined()
    expect(model.tokenizer!.encode('ab')).toEqual([35, 0, 1])
    expect(model.tokenizer!.eosIds).toContain(36)
  })

  it('a second end is the end of a turn', async () => {
    const { key, model } = await written({ generationConfig: { eos_token_id: [36, 37] } })
    expect([key('ggml.eos_token_id'), key('ggml.eot_token_id')]).toEqual([36, 37])
    // The vocabulary also has one that is known by its text.
    expect(model.config.eosIds).toEqual([36, 37, 38])
  })

  it('one that llama.cpp knows by its text needs no key', async () => {
    const { key, model } = await written({ config: { eos_token_id: [36, 38] } })
    expect([key('ggml.eos_token_id'), key('ggml.eot_token_id')]).toEqual([36, undefined])
    expect(model.config.eosIds).toEqual([36, 38])
  })
})

it('the chat template comes back, a file of its own before that of tokenizer_config.json', async () => {
  const chat = '{% for m in messages %}{{ m.content }}{% endfor %}'
  const both = await written({ chatTemplate: chat, tokenizerConfig: { ...tokenizerConfig, chat_template: 'other' } })
  expect(both.key('chat_template')).toBe(chat)
  expect(both.model.tokenizer!.chatTemplate).toBe(chat)
  const one = await written({ tokenizerConfig: { ...tokenizerConfig, chat_template: 'other' } })
  expect(one.model.tokenizer!.chatTemplate).toBe('other')
})

it('says which tokenizers llama.cpp will not quite follow', async () => {
  const { config, source } = randomCheckpoint(tinyLlama)
  const notesOf = async (tokenizer: object) => {
    const changed = { ...tokenizerJson, ...tokenizer }
    return (await writeGguf(join(folder, 'n.gguf'), { config, source, tokenizerJson: changed }, { encoding: 'F32' }))
      .notes
  }
  const lower = { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Lowercase' }] }
  expect(await notesOf({ normalizer: { type: 'NFC' } })).toEqual([])
  expect(await notesOf({ normalizer: lower })).toEqual([
    'llama.cpp does not normalize text as this tokenizer.json does (Lowercase)',
  ])
  const words = { model: { type: 'WordPiece', unk_token: 'a', vocab } }
  expect(await notesOf(words)).toEqual(['llama.cpp splits text as BERT does, and this tokenizer.json otherwise'])
  await expect(notesOf({ model: { type: 'Strange' } })).rejects.toThrow('this one is "Strange"')
})
