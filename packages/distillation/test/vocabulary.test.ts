import { createLearner, everyToken, type Model } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { localTeacher, sharedVocabulary, softLabels, topLabels, withTop } from '../src/index.ts'
import { letters, namesOnly, padded } from './helpers/padded.ts'
import { openTiny, parametersOf, someIds } from './helpers/tiny.ts'

const backend = ortNodeBackend({ threads: 1 })
let student: Model
let teacher: Model
beforeAll(async () => {
  student = await openTiny('student')
  teacher = await openTiny('teacher')
})
afterAll(async () => {
  await Promise.all([student.close(), teacher.close(), backend.close()])
})

const withNames = (path: string, vocabSize: number, names?: readonly (string | undefined)[]) => ({
  path,
  config: { vocabSize },
  hasTokenizer: names !== undefined,
  tokenizer: names && namesOnly(names),
})

describe('what student and teacher share', () => {
  test('everything, when sizes and tokens are the same', () => {
    expect(sharedVocabulary(withNames('s', 64, letters(60)), withNames('t', 64, letters(60)))).toBe(64)
    expect(sharedVocabulary(withNames('s', 64), withNames('t', 64))).toBe(64)
  })
  test('the tokens, when only the padding differs', () => {
    expect(sharedVocabulary(withNames('s', 64, letters(60)), withNames('t', 96, letters(60)))).toBe(60)
    expect(sharedVocabulary(withNames('s', 96, letters(60)), withNames('t', 60, letters(60)))).toBe(60)
    const holes = [...letters(50), undefined, undefined, 'last']
    expect(sharedVocabulary(withNames('s', 64, holes), withNames('t', 96, holes))).toBe(53)
  })
  test('not when a token differs: it is named', () => {
    const other = letters(60).with(17, 'else')
    const call = () => sharedVocabulary(withNames('s', 64, letters(60)), withNames('t', 64, other))
    expect(call).toThrow('token 17 is "t17" in s and "else" in t')
    expect(call).toThrow(expect.objectContaining({ code: 'tokenizer' }))
  })
  test('not when one has more tokens', () =>
    expect(() => sharedVocabulary(withNames('s', 64, letters(60)), withNames('t', 64, letters(62)))).toThrow(
      'token 60 is nothing in s and "t60" in t',
    ))
  test('not when a token has no row', () =>
    expect(() => sharedVocabulary(withNames('s', 58, letters(60)), withNames('t', 64, letters(60)))).toThrow(
      'token 59 "t59" has a row in t and none in s, which has 58',
    ))
  test('not when there is nothing to compare', () => {
    expect(() => sharedVocabulary(withNames('s', 64), withNames('t', 96))).toThrow('s has no tokenizer to compare')
    expect(() => sharedVocabulary(withNames('s', 64, letters(60)), withNames('t', 64))).toThrow('t has no tokenizer')
  })
})

describe('padding changes nothing', () => {
  const batch = () => everyToken(someIds(2, 6))

  test.each([
    ['of the teacher', 64, 80],
    ['of the student', 80, 64],
    ['of both', 72, 96],
  ])('%s', async (_, own, others) => {
    const plain = createLearner(student, {
      backend,
      objective: softLabels({ alpha: 1 }),
      parameters: await parametersOf(student),
      teacher,
    })
    const wideStudent = await padded(student, own, namesOnly(letters(64)))
    const wideTeacher = await padded(teacher, others, namesOnly(letters(64)))
    const shared = sharedVocabulary(wideStudent, wideTeacher)
    expect(shared).toBe(64)
    const parameters = await parametersOf(wideStudent)
    const options = { backend, parameters, teacher: wideTeacher, sharedVocabulary: shared }
    const learner = createLearner(wideStudent, { ...options, objective: softLabels({ alpha: 1 }) })
    const [a, b] = [await plain.gradients([batch()]), await learner.gradients([batch()])]
    expect(b.terms.divergence).toBeCloseTo(a.terms.divergence!, 6)
    const [head, width] = ['lm_head.weight', 24]
    const narrow = b.gradients.get(head)!.subarray(0, 64 * width)
    expect(narrow.every((slope, i) => Math.abs(slope - a.gradients.get(head)![i]!) < 1e-6)).toBe(true)
    // Rows that only pad are not moved.
    expect(
      b.gradients
        .get(head)!
        .subarray(64 * width)
        .every(slope => slope === 0),
    ).toBe(true)

    const tokens = { k: 5, alpha: 1 }
    const top = createLearner(wideStudent, { ...options, objective: topLabels(tokens) })
    const plainTop = createLearner(student, {
      backend,
      objective: topLabels(tokens),
      parameters: await parametersOf(student),
    })
    const local = localTeacher(wideTeacher, { backend, vocabulary: shared })
    const answered = await withTop(local, [batch()], { k: 5 })
    const [c, d] = [
      await plainTop.evaluate(await withTop(localTeacher(teacher, { backend }), [batch()], { k: 5 })),
      await top.evaluate(answered),
    ]
    expect(d.divergence).toBeCloseTo(c.divergence!, 6)
    for (const each of [plain, learner, top, plainTop]) await each.close()
  })

  test('vocabularies of different sizes are refused unless it is said what they share', async () => {
    const wide = await padded(teacher, 80, namesOnly(letters(64)))
    const options = { backend, objective: softLabels(), parameters: new Map(), teacher: wide }
    expect(() => createLearner(student, options)).toThrow('the student has 64 tokens and a teacher 80')
    expect(() => createLearner(student, { ...options, sharedVocabulary: 65 })).toThrow('expected 1 … 64')
  })
})
