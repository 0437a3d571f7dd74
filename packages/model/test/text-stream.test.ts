import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openModel } from '../src/open-model.ts'
import { textStream } from '../src/text-stream.ts'

const model = await openModel(fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url)))
const tokenizer = model.tokenizer!
await model.close()

const whole = (ids: readonly number[]) => tokenizer.decode(ids, { skipSpecialTokens: true })

test('pieces put together are the text of the whole, however long it is', () => {
  const texts = fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme', maxLength: 60 }))
  fc.assert(
    fc.property(texts, ([before, after]) => {
      const prompt = tokenizer.encode(before, { addSpecialTokens: false })
      const ids = tokenizer.encode(after, { addSpecialTokens: false })
      const stream = textStream(tokenizer, prompt)
      const pieces = ids.map(id => stream.push(id))
      expect(pieces.join('')).toBe(after)
      expect(stream.text()).toBe(whole([...prompt, ...ids]).slice(whole(prompt).length))
      expect(pieces.some(piece => piece.includes('\ufffd'))).toBe(false)
    }),
  )
})

test('bytes of a character that are not all there wait, and are in the text of what there is', () => {
  const ids = tokenizer.encode('a 🙂', { addSpecialTokens: false })
  const stream = textStream(tokenizer, [])
  const pieces = ids.slice(0, -1).map(id => stream.push(id))
  expect(pieces.join('')).toBe('a ')
  expect(stream.text()).toBe(whole(ids.slice(0, -1)))
  expect(stream.push(ids.at(-1)!)).toBe('🙂')
})
