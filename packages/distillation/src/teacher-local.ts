import { type Model, SinterError } from '@sinter/model'
import type { Backend } from '@sinter/tensor-core'
import { modelHash } from './fingerprints.ts'
import type { Teacher } from './teacher.ts'
import { topPass } from './top-pass.ts'

export interface LocalTeacherOptions {
  readonly backend: Backend
  /** How many first tokens it shares with the student; probabilities are over these. Default: all. */
  readonly vocabulary?: number
}

/** A model on this machine. It belongs to who opened it: closing the teacher leaves it open. */
export function localTeacher(
  model: Model,
  { backend, vocabulary = model.config.vocabSize }: LocalTeacherOptions,
): Teacher {
  if (!Number.isInteger(vocabulary) || vocabulary < 1 || vocabulary > model.config.vocabSize)
    throw new SinterError(
      'teacher',
      `${model.path} has ${model.config.vocabSize} tokens: ${vocabulary} of them cannot be shared`,
    )
  let hash: Promise<string> | undefined
  return {
    name: model.path,
    model,
    mostTop: vocabulary,
    top: (question, { k, signal }) => topPass(model, backend, question, { k, vocabulary, signal }),
    fingerprint: () => (hash ??= modelHash(model)),
    close: async () => {},
  }
}
