import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { extension } from '../src/pack.ts'
import { pseudo } from '../src/pseudo.ts'

const nls = JSON.parse(readFileSync(join(extension, 'package.nls.json'), 'utf8')) as Record<string, string>

test('a pseudo-locale keeps what must not be translated: links, commands, placeholders', () => {
  for (const [key, text] of Object.entries(nls)) {
    const changed = pseudo(text)
    const kept = (s: string) => s.match(/\(command:[^)]*\)|`[^`]*`|\{\w+\}/g) ?? []
    expect(kept(changed), key).toEqual(kept(text))
    expect(changed, key).not.toBe(text)
  }
})
