import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const module = new URL('../src/index.ts', import.meta.url).href
const demo = fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url))
const code = `
  const { tokenizerKeysApart } = await import(${JSON.stringify(module)})
  const { keys } = await tokenizerKeysApart({ path: ${JSON.stringify(demo)}, vocabSize: 1024 })
  console.log(keys.has('tokenizer.ggml.tokens'))
`

/** Editors start the engine with a heap of a size. */
test('a tokenizer is turned in a process whose heap has a size', () => {
  const args = ['--max-old-space-size=512', '--conditions=@sinter/source', '--input-type=module', '--eval', code]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(stdout).toBe('true\n')
})
