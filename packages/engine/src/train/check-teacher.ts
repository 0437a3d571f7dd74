import { type Model, SinterError, type Tokenizer } from '@sinter/model'

/**
 * A teacher's distribution over tokens says something to a student only when both mean the same tokens.
 * @throws SinterError `tokenizer` with the first difference
 */
export function checkTeacher(student: Model, teacher: Model): void {
  const sizes = [student.config.vocabSize, teacher.config.vocabSize] as const
  const difference = student.tokenizer && teacher.tokenizer && firstDifference(student.tokenizer, teacher.tokenizer)
  if (difference)
    throw refused(
      teacher,
      `another vocabulary than the student: ${difference}; choose a teacher with the same tokenizer`,
    )
  if (sizes[0] === sizes[1]) return
  const rows = `an embedding of ${sizes[1]} rows where the student's has ${sizes[0]}`
  if (student.tokenizer && teacher.tokenizer)
    throw refused(
      teacher,
      `the student's tokenizer, but ${rows}: rows that no token has are not told apart yet; choose a teacher or a student with as many rows`,
    )
  throw refused(teacher, `${rows}, so another vocabulary; choose a teacher with the same tokenizer`)
}

const refused = (teacher: Model, what: string): SinterError =>
  new SinterError('tokenizer', `the teacher ${teacher.path} has ${what}`)

/** The first token that one of them lacks or has elsewhere. */
function firstDifference(student: Tokenizer, teacher: Tokenizer): string | undefined {
  if (student.vocabSize !== teacher.vocabSize)
    return `${teacher.vocabSize} tokens, where the student has ${student.vocabSize}`
  for (let id = 0; id < student.vocabSize; id++) {
    const [own, other] = [student.tokenOf(id), teacher.tokenOf(id)]
    if (own !== other) return `token ${id} is ${JSON.stringify(other)}, where the student has ${JSON.stringify(own)}`
  }
  return undefined
}
