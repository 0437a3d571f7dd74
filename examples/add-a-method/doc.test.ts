import { readFileSync } from 'node:fs'
import { methods } from '@sinter/quantization'
import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

test('the page shows the files that the tests here run', () => {
  const blocks = [...read('../../docs/add-a-method.md').matchAll(/```ts\n([\s\S]*?)```/g)].map(match => match[1])
  expect(blocks).toEqual([
    read('./ternary.ts'),
    expect.stringMatching(/^export \{ \w+ \} from '\.\/\w+\.ts'\n$/),
    read('./ternary.test.ts'),
  ])
})

test('a line of methods.ts is all that registers a method', () => {
  const lines = read('../../packages/quantization/src/methods.ts').match(/^export \{ \w+ \} from '.*'$/gm)
  expect(lines).toHaveLength(methods.length)
})
