import type { Tensor, TensorF32 } from '@sinter/tensor-core'
import { toF32 } from '@sinter/tensor-core'
import type { Model } from '../model.ts'
import { addGradient, type GradientMap } from './gradients.ts'

/**
 * The gradient of what enters block 0, f32 `[batch, tokens, hidden]`, carried to the tensors that made it: rows of the embedding,
 * learned positions, the projection between two widths. Plain loops: a row a token.
 * @param trains whether the gradient of a stored tensor is asked for
 */
export async function embeddingGradient(
  model: Model,
  ids: Tensor,
  given: TensorF32,
  trains: (name: string) => boolean,
  gradients: GradientMap,
): Promise<void> {
  const { embedding, positions, projectIn } = model.outside
  if (positions && trains(positions.name)) await positionRows(model, given, positions, gradients)
  if (projectIn && trains(projectIn)) await projection(model, ids, given, projectIn, gradients)
  if (!trains(embedding)) return
  const rows = projectIn ? await throughProjection(model, given, projectIn) : given.data
  const { vocabSize, embeddingSize: width, embeddingScale } = model.config
  const sum = gradients.get(embedding) ?? new Float32Array(vocabSize * width)
  gradients.set(embedding, sum)
  for (const [t, id] of (ids.data as Int32Array).entries())
    for (let i = 0; i < width; i++) sum[id * width + i]! += embeddingScale * rows[t * width + i]!
}

async function positionRows(
  model: Model,
  { shape, data }: TensorF32,
  { name, offset }: { readonly name: string; readonly offset: number },
  gradients: GradientMap,
): Promise<void> {
  const [batch, tokens, width] = shape as readonly [number, number, number]
  const sum = new Float32Array((model.config.maxPositions + offset) * width)
  for (let b = 0; b < batch; b++)
    for (let i = 0; i < tokens * width; i++) sum[offset * width + i]! += data[b * tokens * width + i]!
  addGradient(gradients, name, sum)
}

/** Gradient of P `[hidden, width]` in h = e Pᵀ: Σ g eᵀ. */
async function projection(
  model: Model,
  ids: Tensor,
  given: TensorF32,
  name: string,
  gradients: GradientMap,
): Promise<void> {
  const { embeddingSize: width, hiddenSize, embeddingScale } = model.config
  const sum = new Float64Array(hiddenSize * width)
  for (const [t, id] of (ids.data as Int32Array).entries()) {
    const { data: row } = toF32(await model.source.readRows(model.outside.embedding, id, 1))
    for (let o = 0; o < hiddenSize; o++)
      for (let i = 0; i < width; i++) sum[o * width + i]! += given.data[t * hiddenSize + o]! * embeddingScale * row[i]!
  }
  addGradient(gradients, name, Float32Array.from(sum))
}

/** g P: the gradient of the embedded rows. */
async function throughProjection(model: Model, given: TensorF32, name: string): Promise<Float32Array> {
  const { embeddingSize: width, hiddenSize } = model.config
  const { data: weight } = toF32(await model.source.read(name))
  const count = given.data.length / hiddenSize
  const out = new Float32Array(count * width)
  for (let t = 0; t < count; t++)
    for (let i = 0; i < width; i++) {
      let sum = 0
      for (let o = 0; o < hiddenSize; o++) sum += given.data[t * hiddenSize + o]! * weight[o * width + i]!
      out[t * width + i] = sum
    }
  return out
}
