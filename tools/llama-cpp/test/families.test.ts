import { ggufFamilies } from '@sinter/model'
import { canRunLlamaCpp } from '@sinter/model/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { compareFamilies, type FamilyDifference } from '../src/families.ts'
import { familyCases } from '../src/family-cases.ts'

/** Machines for which llama.cpp's library is installed (pnpm-workspace.yaml leaves the others out). */

test('every family that GGUF is written for has a case', () => {
  const covered = new Set(familyCases.map(({ config }) => config.model_type))
  // The two names of Gemma 3 are one family.
  const known = ggufFamilies.flatMap(({ modelTypes }) => modelTypes).filter(name => name !== 'gemma3')
  expect(new Set(known)).toEqual(covered)
  expect(covered.size).toBe(12)
})

describe.runIf(canRunLlamaCpp)("F32 files: llama.cpp's logits are ours to 1e-4 of the largest", () => {
  let found: ReadonlyMap<string, FamilyDifference>
  beforeAll(async () => {
    found = new Map((await compareFamilies(familyCases)).map(row => [row.name, row]))
  })

  test.each(familyCases)('$name', ({ name, note, config }) => {
    const row = found.get(name)!
    // GELU is a table of half floats in ggml: what is compared is everything else.
    const hasGelu = /gemma|gpt/.test(String(config.model_type))
    expect(row.withItsGelu).toBeLessThan(1e-4)
    expect(row.difference).toBeLessThan(hasGelu ? 5e-3 : 1e-5)
    expect(row.readBack).toBeLessThan(hasGelu ? 5e-4 : 1e-6)
    expect(row.notes.join()).toContain(note ?? '')
    if (note === undefined) expect(row.notes).toEqual([])
  })
})
