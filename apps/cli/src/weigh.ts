import { stat } from 'node:fs/promises'
import type { Model } from '@sinter/model'

/** What a checkpoint takes on the disk. */
export interface Weigh {
  /** Elements of all tensors; a tied embedding counts once. */
  readonly parameters: number
  /** Bytes of all tensors as stored. */
  readonly tensorBytes: number
  readonly bitsPerWeight: number
}

export function weigh({ source }: Pick<Model, 'source'>): Weigh {
  let parameters = 0
  let tensorBytes = 0
  for (const name of source.names()) {
    const { shape, bytes } = source.info(name)
    parameters += shape.reduce((size, dim) => size * dim, 1)
    tensorBytes += bytes
  }
  return { parameters, tensorBytes, bitsPerWeight: parameters > 0 ? (8 * tensorBytes) / parameters : 0 }
}

export async function fileBytes(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}
