import { describe, expect, test } from 'vitest'
import { createTokenReader } from '../src/token-text.ts'
import { namesOnly } from './helpers/padded.ts'

describe('a token as a server writes it', () => {
  const names = ['a', 'b', 'c', undefined, 'd']
  test('by its number', () => {
    const read = createTokenReader(undefined, 100)
    expect(read('token_id:17')).toBe(17)
    expect(read('token_id:170')).toBe(undefined)
    expect(read('token_id:x')).toBe(undefined)
    expect(read('a')).toBe(undefined)
  })
  test('by its text or its name', () => {
    const read = createTokenReader(namesOnly(names), 5)
    expect([read('a'), read('d'), read('e')]).toEqual([0, 4, undefined])
    expect(createTokenReader(namesOnly(names), 4)('d')).toBe(undefined)
  })
  test('not by a text that several have, unless one is called so', () => {
    const tokenizer = {
      ...namesOnly(names),
      decode: (ids: ArrayLike<number>) => Array.from(ids, id => (id > 1 ? '�' : names[id])).join(''),
    }
    const read = createTokenReader(tokenizer, 5)
    expect([read('�'), read('b'), read('c')]).toEqual([undefined, 1, 2])
  })
  test('with the space that some tokenizers drop at the start of a text', () => {
    const tokenizer = {
      ...namesOnly(['a', '▁b']),
      decode: (ids: ArrayLike<number>) =>
        Array.from(ids, id => (id === 1 ? ' b' : 'a'))
          .join('')
          .trimStart(),
    }
    const read = createTokenReader(tokenizer, 2)
    expect([read(' b'), read('▁b'), read('b')]).toEqual([1, 1, undefined])
  })
})
