import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { compare } from '../src/compare.ts'

const model = fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url))

test.each([
  ['q4', {}],
  ['q8', {}],
  ['q2', {}],
  ['fp16', {}],
  ['q4', { gatherBlocks: true, embeddings: 4, accuracyLevel: 1 }],
] as const)('transformers.js continues a text with an %s export (%j) as we do', async (type, write) => {
  const [row] = await compare({ model, prompt: 'Once there was a girl named Mia.', tokens: 24, type, write })
  expect(row).toMatchObject({ where: 'transformers.js in Node', same: 24, tokens: 24 })
})
