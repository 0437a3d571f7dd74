import { readFileSync } from 'node:fs'
import { worldDocuments, worldText } from '@sinter/eval/world'
import { loadTokenizer } from '@sinter/model'
import { describe, expect, it } from 'vitest'

describe('the demo tokenizer', () => {
  const asset = (name: string): string => readFileSync(new URL(`../assets/demo-model/${name}`, import.meta.url), 'utf8')
  const tokenizer = loadTokenizer({
    tokenizerJson: asset('tokenizer.json'),
    tokenizerConfig: asset('tokenizer_config.json'),
  })

  it('gives the world back, and reads the marks between documents as one token each', () => {
    const text = worldText({ seed: 9, characters: 100_000 })
    const ids = tokenizer.encode(text)
    expect(tokenizer.decode(ids)).toBe(text)
    expect(tokenizer.bosId).toBe(1)
    expect(tokenizer.eosIds).toEqual([2])
    const documents = worldDocuments({ seed: 9, characters: 100_000 }).length
    expect(ids.filter(id => id === 1)).toHaveLength(documents)
    expect(ids.filter(id => id === 2)).toHaveLength(documents)
  })

  it('was made for this world: more than three characters a token', () => {
    const text = worldText({ seed: 10, characters: 50_000 }).replaceAll(/<\|\w+\|>/g, '')
    expect(text.length / tokenizer.encode(text).length).toBeGreaterThan(3)
  })
})
