import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_DOCUMENT_BYTES, MAX_LINE_BYTES } from '../src/data/limits.ts'

import { file, jsonl, open } from './helpers/data-files.ts'

describe('hostile lines', () => {
  const good = { text: 'one two' }
  test.each<[string, string, RegExp]>([
    [
      'cut off',
      `${jsonl(good)}{"text": "one`,
      /a\.jsonl:2: not valid JSON .*expected one JSON object a line, got "\{\\"text\\": \\"one"/,
    ],
    ['a number', `${jsonl(good)}5\n`, /:2: expected one JSON object a line, got a number/],
    ['a list', jsonl(good, ['x']), /:2: .*got a list/],
    ['null', jsonl(good, null), /:2: .*got null/],
    [
      'no text',
      jsonl(good, { id: 1, body: 'x' }),
      /:2: expected a text in "text", got nothing; the line has "id", "body".*--text-field/,
    ],
    ['a text that is a number', jsonl(good, { text: 5 }), /:2: .*"text", got a number/],
    ['a key twice', `${jsonl(good)}{"text": "a", "text": "b"}\n`, /:2: the key "text" occurs twice/],
    ['deep nesting', `${jsonl(good)}${'['.repeat(200_000)}\n`, /:2: /],
    ['an empty text, where nothing ends it', jsonl(good, { text: '' }), /:2: the document has one token.*--skip-empty/],
  ])('%s', async (_title, content, says) => {
    await expect(open(file('a.jsonl', content))).rejects.toThrow(says)
    await expect(open(file('a.jsonl', content))).rejects.toMatchObject({ code: 'data', exitCode: 3 })
  })

  test.each<[string, unknown, RegExp]>([
    ['no turns', { messages: [] }, /expected "messages".*an empty list/],
    ['turns that are no list', { messages: 'x' }, /"messages".*got a text/],
    ['a turn that is none', { messages: ['x'] }, /messages\[0\]: expected \{ role, content \}, got a text/],
    ['no role', { messages: [{ content: 'x' }] }, /messages\[0\]: expected a role.*got nothing/],
    [
      'parts',
      { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      /messages\[0\]: expected a text in "content", got a list/,
    ],
    ['a call', { messages: [{ role: 'assistant', content: '', tool_calls: [{}] }] }, /tool calls are not read/],
    ['too many turns', { messages: Array(1025).fill({ role: 'user', content: '' }) }, /1025 turns; at most 1024/],
    [
      'nothing of the assistant',
      { messages: [{ role: 'user', content: 'one' }] },
      /none of the \d+ tokens is to be learnt: no turn/,
    ],
  ])('in a chat: %s', async (_title, record, says) => {
    await expect(open(file('a.jsonl', jsonl(record)), { format: 'chat' })).rejects.toThrow(says)
  })

  test('in prompt and completion', async () => {
    const path = file('a.jsonl', jsonl({ prompt: 'one', completion: '' }))
    await expect(open(path, { appendEos: false })).rejects.toThrow(/:1: .*(one token|completion is empty)/)
    const long = file('a.jsonl', jsonl({ prompt: 'one two three', completion: '' }))
    await expect(open(long, { appendEos: false })).rejects.toThrow(/the completion is empty/)
    const half = file('a.jsonl', jsonl({ prompt: 'one', completion: ' two' }, { prompt: 'one' }))
    await expect(open(half)).rejects.toThrow(/:2: expected a text in "completion", got nothing/)
  })

  test('bytes that are no UTF-8', async () => {
    await expect(open(file('a.txt', Buffer.of(0x1f, 0x8b, 8)))).rejects.toThrow(/a\.txt: expected UTF-8.*packed/)
    const line = Buffer.concat([Buffer.from(`${jsonl(good)}{"text": "`), Buffer.of(0xff), Buffer.from('"}\n')])
    await expect(open(file('a.jsonl', line))).rejects.toThrow(/:2: not valid UTF-8/)
  })

  test('a line longer than is read is refused before it is held', async () => {
    let given = 0
    async function* endless() {
      yield Buffer.from(jsonl(good))
      for (; given < 100; given++) yield new Uint8Array(2 ** 20).fill(97)
    }
    await expect(open('-', { input: endless(), format: 'jsonl' })).rejects.toThrow(
      /standard input:2: the line is longer/,
    )
    expect(given * 2 ** 20).toBeLessThanOrEqual(MAX_LINE_BYTES)
  })

  test('a document longer than is read as well', async () => {
    async function* long() {
      for (let i = 0; i <= MAX_DOCUMENT_BYTES / 2 ** 20; i++) yield new Uint8Array(2 ** 20)
    }
    await expect(open('-', { input: long(), format: 'text' })).rejects.toThrow(/longer than \d+ bytes.*--separator/)
  })

  test('empty sets, and options that contradict each other', async () => {
    for (const name of ['a.txt', 'a.jsonl', 'a'])
      for (const content of ['', '\n \n']) await expect(open(file(name, content))).rejects.toThrow(/holds no document/)
    const path = file('a.jsonl', jsonl({ text: '' }))
    await expect(open(path, { skipEmpty: true })).rejects.toThrow(/none of the 1 documents has a token to learn/)
    await expect(open(path, { separator: 'a\nb' })).rejects.toThrow(/one line/)
    await expect(open(path, { format: 'jsonl', separator: '-' })).rejects.toMatchObject({ code: 'option', exitCode: 2 })
  })

  test('what has nothing to learn is left out when asked, and counted', async () => {
    const path = file('a.jsonl', jsonl(good, { text: '' }, good))
    const documents = await open(path, { skipEmpty: true })
    expect([documents.count, documents.skipped]).toEqual([2, 1])
    expect(documents.entry(1).line).toBe(3)
  })

  test('random bytes after a good line give an error that names the line, or documents', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 60 }), async bytes => {
        const path = file('a.jsonl', Buffer.concat([Buffer.from(jsonl(good)), bytes]))
        const result = await open(path).catch(error => error)
        if (result instanceof Error) expect(result.message).toMatch(/a\.jsonl:\d+: /)
        else expect(result.count).toBeGreaterThan(0)
      }),
    )
  })
})
