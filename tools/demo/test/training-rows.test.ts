import { type DocumentKind, SHARES, worldDocuments, worldQuestions } from '@sinter/eval/world'
import { describe, expect, test } from 'vitest'
import { BOS, END } from '../src/demo-config.ts'
import { demoModel, tokenizerIn } from '../src/demo-folder.ts'
import { documentTokens, rowsOfStep, TRAINING_SHARES } from '../src/training-rows.ts'

const tokenizer = tokenizerIn(demoModel)
const options = { tokenizer, seed: 'rows', shares: TRAINING_SHARES, rows: 8, length: 256 }
const idsOf = (step: number, given = options) => [...(rowsOfStep(given, step).ids.data as Int32Array)]

/** The documents of a step that end in it. */
function documentsOf(step: number): string[] {
  const texts: string[] = []
  let open: number[] | undefined
  for (const id of idsOf(step)) {
    if (id === BOS) open = []
    else if (id === END && open) {
      texts.push(tokenizer.decode(open))
      open = undefined
    } else open?.push(id)
  }
  return texts
}

describe('the rows of a step', () => {
  test('depend on the step and the seed alone', () => {
    expect(idsOf(3)).toEqual(idsOf(3))
    expect(idsOf(3)).not.toEqual(idsOf(4))
    expect(idsOf(3)).not.toEqual(idsOf(3, { ...options, seed: 'other' }))
  })

  test('are whole documents between marks, one after another, cut only at the end', () => {
    const ids = idsOf(0)
    expect(ids).toHaveLength(8 * 256)
    const again = documentsOf(0).flatMap(text => documentTokens(tokenizer, text))
    expect(ids.slice(0, again.length)).toEqual(again)
    expect(ids.slice(again.length)).not.toContain(END)
    expect(ids.length - again.length).toBeLessThan(256)
  })

  test('predict every token but the first of a row', () => {
    const { weights } = rowsOfStep(options, 0)
    expect(weights.data.filter(w => w === 1)).toHaveLength(8 * 255)
    for (let row = 0; row < 8; row++) expect(weights.data[row * 256 + 255]).toBe(0)
  })

  test('hold no document that is scored', () => {
    const trained = new Set(Array.from({ length: 60 }, (_, step) => documentsOf(step)).flat())
    expect(trained.size).toBeGreaterThan(1000)
    const asked = (['where', 'sums', 'review'] as const).flatMap(kind =>
      worldQuestions({ seed: 'exam', count: 500, kind, half: 'evaluation' }).map(q => q.prompt + q.completion),
    )
    const held = worldDocuments({ seed: 'held out', documents: 6000, half: 'evaluation' }).map(({ text }) => text)
    expect([...held, ...asked].filter(text => trained.has(text))).toEqual([])
    // That this can fail: among as many of the other half there are short ones that were trained on.
    const other = worldDocuments({ seed: 'held out', documents: 6000, half: 'calibration' }).map(({ text }) => text)
    expect(other.filter(text => trained.has(text)).length).toBeGreaterThan(0)
  })
})

test('training shares are of all kinds and add up to 1', () => {
  const kinds = Object.keys(SHARES) as DocumentKind[]
  expect(Object.keys(TRAINING_SHARES).toSorted()).toEqual(kinds.toSorted())
  expect(Object.values(TRAINING_SHARES).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
  expect(TRAINING_SHARES.sums).toBeGreaterThan(SHARES.sums)
  expect(TRAINING_SHARES.where).toBeGreaterThan(SHARES.where)
})
