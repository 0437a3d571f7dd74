import { createHash } from 'node:crypto'
import { logits, type Model, openModel } from '@sinter/model'
import { type Backend, castTo, tensor, toF32 } from '@sinter/tensor-core'
import type { Answer } from './ask-python.ts'

export interface Comparison {
  readonly client: string
  readonly computes: boolean
  readonly matrices: number
  /** Names of the matrices whose values are not the same to the last bit. */
  readonly different: readonly string[]
  /** Largest difference of a logit. */
  readonly logits: number
}

/** Holds what a client made of a folder against what we read from it. */
export async function compare(answer: Answer, ids: readonly number[], backend: Backend): Promise<Comparison> {
  const model = await openModel(answer.folder)
  try {
    const different: string[] = []
    for (const [name, { dtype, sha256 }] of Object.entries(answer.weights))
      if ((await hashOf(model, `${name}.weight`, dtype)) !== sha256) different.push(name)
    const ours = (await logits(model, backend, tensor('i32', [1, ids.length], Int32Array.from(ids)))).get('logits')!
    return {
      client: answer.client,
      computes: answer.computes,
      matrices: Object.keys(answer.weights).length,
      different,
      logits: largestDifference(ours.data as Float32Array, answer.logits),
    }
  } finally {
    await model.close()
  }
}

/** Of the values in the type in which the client has them, as f32. */
async function hashOf(model: Model, name: string, dtype: string): Promise<string> {
  const values = toF32(await model.source.read(name))
  const rounded = dtype === 'bfloat16' ? toF32(castTo(values, 'bf16')) : values
  const plusZero = rounded.data.map(value => value + 0)
  return createHash('sha256').update(new Uint8Array(plusZero.buffer)).digest('hex')
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  return a.reduce((most, value, k) => Math.max(most, Math.abs(value - b[k]!)), 0)
}
