import type { Model } from '../model.ts'
import type { FeatureTerm, Tap } from './feature-pass.ts'

/**
 * How many first tokens student and teachers compare.
 * @throws RangeError when their vocabularies have different sizes and nobody said what they share
 */
export function checkVocabulary(student: Model, teachers: readonly Model[], shared: number | undefined): number {
  const sizes = [student, ...teachers].map(model => model.config.vocabSize)
  const least = Math.min(...sizes)
  if (shared !== undefined) {
    if (Number.isInteger(shared) && shared >= 1 && shared <= least) return shared
    throw new RangeError(
      `training: a shared vocabulary of ${shared}; expected 1 … ${least}, what student and teachers have`,
    )
  }
  const other = sizes.find(size => size !== sizes[0])
  if (other === undefined) return sizes[0]!
  throw new RangeError(
    `training: the student has ${sizes[0]} tokens and a teacher ${other}; if only padding differs say how many they share (sharedVocabulary)`,
  )
}

/** @throws RangeError when a term looks where the student or the teacher has nothing */
export function checkTaps(student: Model, teacher: Model | undefined, terms: readonly FeatureTerm[]): void {
  const names = new Set<string>()
  for (const term of terms) {
    if (names.has(term.name)) throw new RangeError(`training: two features are called ${term.name}; name them apart`)
    names.add(term.name)
    if (!teacher) throw new RangeError(`training: ${term.name} compares with a teacher, and there is none`)
    if (term.student.at !== term.teacher.at)
      throw new RangeError(`training: ${term.name} compares ${term.student.at} with ${term.teacher.at}`)
    checkTap(term.name, 'student', student, term.student)
    checkTap(term.name, 'teacher', teacher, term.teacher)
  }
}

function checkTap(name: string, whose: string, { blocks }: Model, { at, index }: Tap): void {
  const last = at === 'hidden' ? blocks : blocks - 1
  if (Number.isInteger(index) && index >= 0 && index <= last) return
  throw new RangeError(`training: ${name} looks at ${at} ${index} of the ${whose}, which has 0 … ${last}`)
}
