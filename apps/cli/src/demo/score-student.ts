import { withBackend } from '../backend.ts'
import { type DemoJob, type Quality, qualities } from './run-recipe.ts'

/** A smaller model that learned from the embedded one; training takes longer than a demo, so it is embedded too. */
export interface StudentResult {
  readonly name: string
  readonly path: string
  readonly bytes: number
  readonly bitsPerWeight: number
  readonly compressed: Quality
}

/** The embedded student beside its teacher. @param student its folder */
export async function scoreStudent(
  student: string,
  { model, texts, threads, progress, signal }: Omit<DemoJob, 'path'>,
): Promise<StudentResult> {
  const { evaluateRun } = await import('@sinter/engine')
  const { openModel, weigh } = await import('@sinter/model')
  const name = 'a quarter of it, distilled'
  progress.note(`${name} …`)
  const teacher = await openModel(model)
  const small = await openModel(student)
  try {
    const recipe = { text: texts.evaluation, windows: 6, length: 256, prompts: [texts.prompt] }
    const evaluated = await withBackend({ backend: 'onnx', ...(threads !== undefined && { threads }) }, backend =>
      evaluateRun(teacher, student, recipe, { backend, signal }),
    )
    const { tensorBytes, bitsPerWeight } = weigh(small)
    return { name, path: student, bytes: tensorBytes, bitsPerWeight, compressed: qualities(evaluated).compressed }
  } finally {
    await small.close()
    await teacher.close()
  }
}
