import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dataFormats, describeDocuments, type Tokenizer } from '../src/index.ts'

import {
  all,
  chatMl,
  EOS,
  file,
  fixture,
  folder,
  jsonl,
  llama,
  marked,
  open,
  qwen,
  texts,
} from './helpers/data-files.ts'

describe('text', () => {
  test('a file is a document: every token is learnt but the first, and the end token after it', async () => {
    const [document] = await all(file('a.txt', 'The ferry.\nAnd the harbour.\n'))
    const ids = [...qwen.encode('The ferry.\nAnd the harbour.\n'), 700]
    expect([...document!.ids]).toEqual(ids)
    expect([...document!.targets]).toEqual(ids.map((_, t) => Number(t > 0)))
  })

  test('no end token when it is not wanted, none twice, and none that the tokenizer does not name', async () => {
    const path = file('a.txt', 'The ferry.')
    expect(await texts(path, { appendEos: false })).toEqual(['The ferry.'])
    expect(await texts(file('b.txt', `The ferry.${EOS}`))).toEqual([`The ferry.${EOS}`])
    expect(await texts(path, { tokenizer: fixture('byte-bpe-qwen2') })).toEqual(['The ferry.'])
  })

  test('the begin token is the tokenizer’s own rule', async () => {
    const [document] = await all(file('a.txt', 'The ferry.'), { tokenizer: llama })
    expect([...document!.ids]).toEqual([...llama.encode('The ferry.'), 2])
    expect(document!.ids[0]).toBe(1)
  })

  test('a separator line divides; what is blank is no document', async () => {
    const path = file('a.txt', 'one\ntwo\n---\n\n---\r\nthree\r\n\r\n---\nfour ---\n---')
    expect(await texts(path, { separator: '---', appendEos: false })).toEqual(['one\ntwo', 'three\r\n', 'four ---'])
    const blank = file('b.txt', 'one\ntwo\n\n\nthree\n')
    expect(await texts(blank, { separator: '', appendEos: false })).toEqual(['one\ntwo', 'three'])
  })

  test('documents, offsets and lines are those of the file', async () => {
    const content = Buffer.from('é one\n---\nthrée\nfour\n---\nfive\n')
    const documents = await open(file('a.txt', content), { separator: '---' })
    const entries = Array.from({ length: documents.count }, (_, i) => documents.entry(i))
    expect(entries.map(entry => entry.line)).toEqual([1, 3, 6])
    expect(entries.map(({ offset, bytes }) => content.subarray(offset, offset + bytes).toString())).toEqual([
      'é one',
      'thrée\nfour',
      'five',
    ])
  })

  test('a byte order mark is no text', async () => {
    expect(await texts(file('a.txt', '\ufeffone'))).toEqual([`one${EOS}`])
    expect(await texts(file('a.txt', '\ufeff---\none'), { separator: '---' })).toEqual([`one${EOS}`])
    expect(await texts(file('a.jsonl', `\ufeff${jsonl({ text: 'one' })}`))).toEqual([`one${EOS}`])
  })
})

describe('JSON objects, one a line', () => {
  test('text, in a field of any name; blank lines are nothing', async () => {
    const path = file('a.jsonl', `\n${jsonl({ text: 'one two' })}\n  \r\n${JSON.stringify({ text: 'three\nfour' })}`)
    expect(await texts(path)).toEqual([`one two${EOS}`, `three\nfour${EOS}`])
    const named = file('a.jsonl', jsonl({ body: 'one two', text: 5 }))
    expect(await texts(named, { textField: 'body' })).toEqual([`one two${EOS}`])
  })

  test('prompt and completion: only the completion and the end are learnt', async () => {
    const path = file('a.jsonl', jsonl({ prompt: 'Where is Tom?', completion: ' At the harbour.' }))
    expect(await marked(path)).toEqual([`Where is Tom?⟦ At the harbour.${EOS}⟧`])
    const named = file('a.jsonl', jsonl({ q: 'Where is Tom?', a: ' At the harbour.' }))
    expect(await marked(named, { promptField: 'q', completionField: 'a', appendEos: false })).toEqual([
      'Where is Tom?⟦ At the harbour.⟧',
    ])
    const [document] = await all(path)
    expect(document!.targets.indexOf(1)).toBe(qwen.encode('Where is Tom?').length)
  })

  test('a prompt whose last token would join with the completion keeps its own tokens', async () => {
    const [prompt, completion] = ['The ferry ', 'harbour']
    expect(qwen.encode(prompt + completion).slice(0, qwen.encode(prompt).length)).not.toEqual(qwen.encode(prompt))
    const path = file('a.jsonl', jsonl({ prompt, completion }))
    const [document] = await all(path, { appendEos: false })
    expect([...document!.ids]).toEqual([...qwen.encode(prompt), ...qwen.encode(completion)])
    expect(await marked(path)).toEqual([`The ferry ⟦harbour${EOS}⟧`])
    // A space of its own would come before a completion that is encoded apart.
    await expect(open(path, { tokenizer: llama })).rejects.toThrow(/share a token.*move the white space/)
    const good = file('a.jsonl', jsonl({ prompt: 'The ferry', completion: ' harbour' }))
    expect(await texts(good, { tokenizer: llama })).toEqual(['<s> The ferry harbour</s>'])
  })

  test('the begin token is no target', async () => {
    const [document] = await all(file('a.jsonl', jsonl({ prompt: '', completion: 'The ferry' })), { tokenizer: llama })
    expect([...document!.targets]).toEqual([...document!.ids].map((_, t) => Number(t > 0)))
  })
})

describe('conversations', () => {
  const user = { role: 'user', content: 'Where is Tom?' }
  const assistant = { role: 'assistant', content: 'At the harbour.' }
  const chat = (...messages: unknown[]) => file('a.jsonl', jsonl({ messages }))

  test('the assistant’s turns and what ends them are learnt, and the template ends the conversation', async () => {
    expect(await marked(chat({ role: 'system', content: 'Be brief.' }, user, assistant, user, assistant))).toEqual([
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhere is Tom?<|im_end|>\n<|im_start|>assistant\n' +
        '⟦At the harbour.<|im_end|>\n⟧<|im_start|>user\nWhere is Tom?<|im_end|>\n<|im_start|>assistant\n' +
        '⟦At the harbour.<|im_end|>\n⟧',
    ])
  })

  test('a turn of the user after the last answer is given', async () => {
    const [text] = await marked(chat(user, assistant, user))
    expect(text).toMatch(/⟦At the harbour\.<\|im_end\|>\n⟧<\|im_start\|>user\nWhere is Tom\?<\|im_end\|>\n$/)
  })

  test('the mask is the tokens between the rendered beginnings, whatever is said', async () => {
    const content = fc.string({ unit: 'binary' }).map(text => text.trim().toWellFormed().replaceAll('\ufeff', ''))
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(content, content), { minLength: 1, maxLength: 3 }), async turns => {
        const messages = turns.flatMap(([question, answer]) => [
          { role: 'user', content: question },
          { role: 'assistant', content: answer },
        ])
        const [document] = await all(chat(...messages))
        const learnt = [...document!.ids].filter((_, t) => document!.targets[t] === 1)
        const wanted = turns.flatMap(([, answer]) => qwen.encode(`${answer}<|im_end|>\n`))
        expect(learnt).toEqual(wanted)
      }),
      { numRuns: 50 },
    )
  })

  test('a template that rewrites earlier turns is refused: the mask would be wrong', async () => {
    // Shows only the last answer in full, as templates of models that think aloud do.
    const forgetful = chatMl.replace("m['content']", "(m['content'] if loop.last or m['role'] == 'user' else '…')")
    const tokenizer = { ...qwen, chatTemplate: forgetful }
    await expect(open(chat(user, assistant, user, assistant), { tokenizer })).rejects.toThrow(
      /a\.jsonl:1: .*end of messages\[1\].*other tokens alone than in the whole/,
    )
  })

  test('a token across the opening of an answer is refused, with the turn', async () => {
    // "assistant " ends with a token that becomes another before a word.
    const spaced = chatMl.replaceAll("'\\n' + m", "' ' + m").replace('assistant\\n', 'assistant ')
    const tokenizer = { ...qwen, chatTemplate: spaced }
    const messages = [user, { role: 'assistant', content: 'harbour' }]
    await expect(open(chat(...messages), { tokenizer })).rejects.toThrow(
      /opening of the assistant's turn \(messages\[1\]\) has other tokens/,
    )
  })

  test('without a template, and where the template refuses', async () => {
    await expect(open(chat(user, assistant), { tokenizer: llama })).rejects.toThrow(
      /no chat template.*prompt and completion/,
    )
    const strict = { ...qwen, chatTemplate: "{{ raise_exception('roles must alternate') }}" }
    await expect(open(chat(user, assistant), { tokenizer: strict })).rejects.toThrow(/:1: .*roles must alternate/)
  })
})

describe('the format of a file', () => {
  test.each([
    ['a.txt', '{"text": "one two"}', '{"text": "one two"}'],
    ['a.md', 'one two', 'one two'],
    ['a.md', '[one two]', '[one two]'],
    ['a', jsonl({ text: 'one two' }), 'one two'],
    ['a.json', jsonl({ text: 'one two' }), 'one two'],
    ['a.NDJSON', jsonl({ text: 'one two' }), 'one two'],
    ['a.jsonl', jsonl({ prompt: 'one', completion: ' two', text: 'three' }), 'one two'],
    [
      'a.jsonl',
      jsonl({ messages: [{ role: 'assistant', content: 'one' }], text: 'three' }),
      '<|im_start|>assistant\none<|im_end|>\n',
    ],
  ])('by its name and first line: %s with %s', async (name, content, text) => {
    expect(await texts(file(name, content), { appendEos: false })).toEqual([text])
  })

  test('as it is given', async () => {
    expect(await texts(file('a.jsonl', jsonl({ text: 'one' })), { format: 'text', appendEos: false })).toEqual([
      '{"text":"one"}\n',
    ])
    expect(dataFormats).toEqual(['text', 'jsonl', 'chat', 'prompt-completion'])
  })

  test.each([
    ['a list', 'a.jsonl', '[{"text": "one"}]', /JSON list.*jq/],
    ['no JSON', 'a.jsonl', 'one', /expected one JSON object a line, got "one".*--format text/],
    [
      'unknown fields',
      'a.jsonl',
      jsonl({ body: 'one', id: 3 }),
      /"messages", "prompt" with "completion", or "text".*"body", "id"/,
    ],
    ['a brace that begins no object', 'a', '{one', /first line: not valid JSON.*got "\{one"/],
  ])('is an error when nothing says it: %s', async (_title, name, content, says) => {
    await expect(open(file(name, content))).rejects.toThrow(says)
  })

  test('is looked for in the first line, however the bytes come', async () => {
    const bytes = Buffer.from(`\n \n${jsonl({ text: 'one é' }, { text: 'two' })}`)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }), async sizes => {
        async function* pieces() {
          for (let from = 0, i = 0; from < bytes.length; i++) {
            const size = sizes[i % sizes.length]!
            yield bytes.subarray(from, from + size)
            from += size
          }
        }
        const documents = await open('-', { input: pieces() })
        const entries = [documents.entry(0), documents.entry(1)]
        expect(entries.map(entry => entry.line)).toEqual([3, 4])
        expect(entries.map(({ offset, bytes: size }) => bytes.subarray(offset, offset + size).toString())).toEqual([
          '{"text":"one é"}',
          '{"text":"two"}',
        ])
        expect(documents.files).toEqual(['standard input'])
      }),
      { numRuns: 30 },
    )
  })
})

describe('folders', () => {
  test('files in the order of their names, folders inside included, others left alone', async () => {
    const root = dirname(file('b.txt', 'third'))
    mkdirSync(join(root, 'a'))
    mkdirSync(join(root, '.cache'))
    for (const [name, content] of [
      ['a/2.jsonl', jsonl({ text: 'second' })],
      ['a/10.txt', 'first'],
      ['B.txt', 'zeroth'],
      ['README.md', 'none'],
      ['.cache/x.txt', 'none'],
      ['c.txt', '\n'],
    ])
      writeFileSync(join(root, name!), content!)
    symlinkSync(join(root, 'b.txt'), join(root, 'z.txt'))
    symlinkSync(root, join(root, 'loop'))
    expect(await texts(root, { appendEos: false })).toEqual(['zeroth', 'first', 'second', 'third', 'third'])
    const documents = await open(root)
    expect(documents.files.map(name => name.slice(root.length + 1))).toEqual([
      'B.txt',
      'a/10.txt',
      'a/2.jsonl',
      'b.txt',
      'c.txt',
      'z.txt',
    ])
    expect(documents.entry(2).file).toBe(2)
  })

  test('without anything to read', async () => {
    await expect(open(join(folder, 'nothing'))).rejects.toThrow(/no such file or folder/)
    await expect(open(dirname(file('README.md', 'x')))).rejects.toThrow(/no file ending in \.txt, \.jsonl, \.ndjson/)
  })
})

test('reading stops when it is told to, and says how far it is', async () => {
  const path = file('a.jsonl', jsonl(...Array(5).fill({ text: 'one two' })))
  const seen: [number, number][] = []
  await open(path, { onProgress: (done, total) => seen.push([done, total]) })
  expect(seen.at(-1)).toEqual([95, 95])
  await expect(open(path, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
})

describe('statistics', () => {
  test('of a set that can be counted by hand', async () => {
    // A letter is a token here. With the end token, documents of 2, 3, 3, 5 and 9.
    const words = ['a', 'b|c', 'b|c', 'd|e|f|g', 'h|i|j|k|l|m|n|o'].map(text => ({ text }))
    const tokenizer: Tokenizer = {
      vocabSize: 20,
      eosIds: [0],
      encode: text => text.split('|').map(letter => letter.charCodeAt(0) - 96),
      decode: ids => Array.from(ids, id => (id === 0 ? '.' : String.fromCharCode(96 + id))).join(''),
      tokenOf: () => undefined,
      idOf: () => undefined,
    }
    const documents = await open(file('a.jsonl', jsonl(...words)), { tokenizer })
    const statistics = await describeDocuments(documents, { tokenizer, length: 5 })
    expect(statistics).toMatchObject({
      documents: 5,
      skipped: 0,
      tokens: 22,
      targets: 17,
      lengths: { min: 2, median: 3, p95: 9, max: 9 },
      histogram: [
        { from: 2, to: 3, documents: 3 },
        { from: 4, to: 7, documents: 1 },
        { from: 8, to: 15, documents: 1 },
      ],
      length: 5,
      // The long one is two windows, 1 … 5 and 5 … 9. Pieces of 2, 3, 3, 5, 5, 5: five rows at best, one of them with 2 + 3.
      rows: { packed: 5, single: 6 },
      truncated: 1,
      duplicates: 1,
      vocabulary: { used: 16, size: 20 },
      example: { line: 1, tokens: 2, runs: [{ text: 'a.', tokens: 2, learnt: true }] },
    })
    expect(statistics.padding.packed).toBeCloseTo(1 - 23 / 25, 12)
    expect(statistics.padding.single).toBeCloseTo(1 - 23 / 30, 12)
  })
})
