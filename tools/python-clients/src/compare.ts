import { createHash } from 'node:crypto'
import { logits, openModel, type TensorSource } from '@sinter/model'
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
    const as = new Map(Object.entries(answer.weights).map(([name, { dtype }]) => [`${name}.weight`, dtype]))
    const source = inTypes(model.source, as)
    const different: string[] = []
    for (const [name, { sha256 }] of Object.entries(answer.weights))
      if ((await hashOf(source, `${name}.weight`)) !== sha256) different.push(name)
    const input = tensor('i32', [1, ids.length], Int32Array.from(ids))
    const ours = (await logits(model.over(source), backend, input)).get('logits')!
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

/** The same matrices in the types in which a client has them, as f32: some compute in bf16 whatever they are asked for. */
const inTypes = (source: TensorSource, dtypes: ReadonlyMap<string, string>): TensorSource => ({
  ...source,
  async read(name, into) {
    const values = await source.read(name, into)
    return dtypes.get(name) === 'bfloat16' ? toF32(castTo(values, 'bf16')) : values
  },
})

async function hashOf(source: TensorSource, name: string): Promise<string> {
  const plusZero = toF32(await source.read(name)).data.map(value => value + 0)
  return createHash('sha256').update(new Uint8Array(plusZero.buffer)).digest('hex')
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  return a.reduce((most, value, k) => Math.max(most, Math.abs(value - b[k]!)), 0)
}
