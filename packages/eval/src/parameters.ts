import type { Model, TensorSource } from '@sinter/model'
import { toF32 } from '@sinter/tensor-core'

/** Values looked at in one go: 16 MB of f32. */
const SLICE_VALUES = 4 * 2 ** 20

export interface ParameterNames {
  readonly all: readonly string[]
  /** Tables of tokens and positions, and the output embedding. */
  readonly embeddings: readonly string[]
}

/** Stored tensors that are parameters: of a block what its graph uses, outside of blocks all but copies of a tied embedding. */
export function parameterNames({ blocks, blockTensors, source, config, family }: Model): ParameterNames {
  const used = new Set(Array.from({ length: blocks }, (_, i) => [...blockTensors(i).values()]).flat())
  const { tensors } = family
  const is = (name: string, suffix: string) => name === suffix || name.endsWith(`.${suffix}`)
  const outside = source.names().filter(name => !used.has(name) && !name.includes(tensors.blocks))
  const kept = outside.filter(name => !(config.tied && is(name, tensors.head)))
  const tables = [tensors.embedding, tensors.head, tensors.positions?.name].filter(name => name !== undefined)
  return { all: [...used, ...kept], embeddings: kept.filter(name => tables.some(table => is(name, table))) }
}

/** Values that are not exactly zero. */
export async function countNonZero(source: TensorSource, names: readonly string[]): Promise<number> {
  let count = 0
  for (const name of names) {
    const [rows = 1, ...rest] = source.info(name).shape
    const step = Math.max(1, Math.floor(SLICE_VALUES / rest.reduce((product, dim) => product * dim, 1)))
    for (let start = 0; start < rows; start += step) {
      const { data } = toF32(await source.readRows(name, start, Math.min(step, rows - start)))
      for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++
    }
  }
  return count
}
