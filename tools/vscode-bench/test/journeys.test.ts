import { existsSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { missingParts } from '../src/available.ts'
import { writeRecipe } from '../src/journeys/write-recipe.ts'
import { packExtension } from '../src/pack.ts'
import { journey, openSession, type Session } from '../src/session.ts'
import { artefacts } from '../src/workbench.ts'

const missing = missingParts()
if (missing) console.warn(`\n*** NOT TESTED: the extension in a real workbench. ${missing} ***\n`)

let session: Session
beforeAll(async () => {
  rmSync(artefacts, { recursive: true, force: true })
  if (!missing) session = await openSession({ vsix: [packExtension()] })
}, 180_000)
afterAll(async () => {
  await session?.close()
})

test.skipIf(missing)(
  'a recipe with a wrong key is underlined, repaired by the light bulb, and planned',
  async () => {
    await journey('write-recipe', session, async () => {
      const { recipe, message, plan } = await writeRecipe(session)
      expect(message).toContain('unknown key "bist"; did you mean "bits"?')
      expect(recipe).toContain('"bits": 4')
      expect(recipe).not.toContain('bist')
      expect(recipe).toContain('"model": "demo-model"')
      expect(plan).toMatch(/mlp\.down_proj +256×768 +compress +4-bit asymmetric, groups of 64/)
    })
    for (const theme of ['dark', 'light', 'contrast'])
      expect(existsSync(`${artefacts}/recipe-wrong-key-${theme}.png`)).toBe(true)
  },
  180_000,
)

test.skipIf(missing)('nothing of it asked a host but this machine', () => {
  expect([...session.strangers]).toEqual([])
})
