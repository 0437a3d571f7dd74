/** What tests of sparse checkpoints share: tensors by their bits, and a folder for each test. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type DType, dtypes, type Tensor } from '@sinter/tensor-core'
import { afterEach, beforeEach } from 'vitest'
import { writeConfig } from '../src/formats/hf-write.ts'
import { bitmaskConfig, sparseConfig } from '../src/formats/sparse/config.ts'
import { type SparseInput, type SparseWriteOptions, writeSparseWeights } from '../src/formats/sparse/write.ts'

export let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sparse-'))
})
afterEach(() => rm(root, { recursive: true }))

export type Tensors = ReadonlyMap<string, Tensor>

export const tensorOf = (dtype: DType, shape: readonly number[], bits: readonly number[]): Tensor => {
  const words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[dtypes[dtype].bytes as 1 | 2 | 4]
  return { dtype, shape, data: new dtypes[dtype].array(words.from(bits).buffer) } as Tensor
}

/** Tensors in memory, handed out `step` rows at a time. */
export function inputOf(tensors: Tensors, step = 3): SparseInput {
  return {
    names: [...tensors.keys()],
    info: name => tensors.get(name)!,
    async *pieces(name) {
      const { dtype, shape, data } = tensors.get(name)!
      const [rows = 0, cols = 1] = shape
      for (let start = 0; start < rows; start += step) {
        const count = Math.min(step, rows - start)
        const piece = data.slice(start * cols, (start + count) * cols)
        yield { start, rows: { dtype, shape: [count, ...shape.slice(1)], data: piece } as Tensor }
      }
    },
  }
}

let folders = 0
/** A name that no other folder of the file has. */
export const freshName = (): string => String(folders++)

export async function write(
  tensors: Tensors,
  options: SparseWriteOptions = {},
  step?: number,
): Promise<{
  readonly folder: string
  readonly stored: Awaited<ReturnType<typeof writeSparseWeights>>
}> {
  const folder = join(root, freshName())
  await mkdir(folder)
  const stored = await writeSparseWeights(folder, inputOf(tensors, step), options)
  const modules = stored.map(({ name }) => name.replace(/\.weight$/, ''))
  await writeConfig(
    folder,
    options.layout === 'bitmask' ? bitmaskConfig({ a: 1 }, modules, 0.5) : sparseConfig({ a: 1 }, {}),
  )
  return { folder, stored }
}

/** A matrix of bf16 where every group of `of` keeps `kept` elements. */
export function patternMatrix(rows: number, cols: number, kept: number, of: number): Tensor {
  const bits = Array.from({ length: rows * cols }, (_, k) =>
    (k * 7 + Math.floor(k / of)) % of < kept ? 0x3f80 + (k % 128) : 0,
  )
  return tensorOf('bf16', [rows, cols], bits)
}
