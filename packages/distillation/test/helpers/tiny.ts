import { fileURLToPath } from 'node:url'
import { type Model, openModel, type TrainTokens } from '@sinter/model'
import { createRng, type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'

const folder = new URL('../fixtures/training/', import.meta.url)

/** LLaMA-shaped, 64 tokens: the teacher has 2 blocks of width 32, the student 1 of width 24. */
export const openTiny = (which: 'student' | 'teacher'): Promise<Model> =>
  openModel(fileURLToPath(new URL(which, folder)))

/** Copies of a model's tensors, moved a little so that it is not who it came from. */
export async function parametersOf(
  model: Model,
  { noise = 0, wanted = () => true }: { noise?: number; wanted?: (name: string) => boolean } = {},
): Promise<Map<string, TensorF32>> {
  const rng = createRng('parameters')
  const parameters = new Map<string, TensorF32>()
  for (const name of model.source.names().filter(wanted)) {
    const { shape, data } = toF32(await model.source.read(name))
    parameters.set(name, { dtype: 'f32', shape, data: data.map(value => value + noise * rng.normal()) })
  }
  return parameters
}

export function someIds(batch: number, length: number, seed = 'ids', vocabulary = 64): Tensor {
  const rng = createRng(seed)
  const data = Int32Array.from({ length: batch * length }, () => rng.integer(vocabulary))
  return { dtype: 'i32', shape: [batch, length], data }
}

/** The first tokens of every row are a prompt that is not learnt. */
export function withPrompt(ids: Tensor, prompt: number): TrainTokens {
  const [batch, length] = ids.shape as readonly [number, number]
  const data = Float32Array.from({ length: batch * length }, (_, i) => {
    const position = i % length
    return position < prompt || position === length - 1 ? 0 : 1
  })
  return { ids, weights: { dtype: 'f32', shape: [batch, length], data } }
}
