import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createModel, logits, openModel, writeGguf } from '@sinter/model'
import { askLlamaCpp, randomCheckpoint, toyTokenizer } from '@sinter/model/testing'
import { type Backend, referenceBackend, tensor } from '@sinter/tensor-core'
import type { FamilyCase } from './family-cases.ts'
import { withHalfGelu } from './half-gelu.ts'

export interface FamilyDifference {
  readonly name: string
  /** `general.architecture` of the file. */
  readonly architecture: string
  /** Largest difference of a logit between llama.cpp and us, relative to the largest logit. */
  readonly difference: number
  /** The same when we compute GELU by ggml's table of half floats; equal to `difference` where there is no GELU. */
  readonly withItsGelu: number
  /** The same between our model before it was written, and as it is read back. */
  readonly readBack: number
  readonly notes: readonly string[]
}

/** As many as the tables and windows of the cases need to make a difference. */
const ids = [1, 40, 50, 33, 70, 21, 90, 30, 5, 61, 61, 17, 88, 2, 9, 44]

/** Writes each case as an F32 file and compares what llama.cpp makes of it with what we compute. */
export async function compareFamilies(cases: readonly FamilyCase[]): Promise<readonly FamilyDifference[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sinter-families-'))
  try {
    const files = await Promise.all(
      cases.map(async (test, i) => {
        const path = join(folder, `${i}.gguf`)
        const { notes } = await writeGguf(
          path,
          { ...randomCheckpoint(test.config, test.name), tokenizerJson: toyTokenizer },
          { encoding: 'F32' },
        )
        return { test, path, notes, ids: ids.slice(0, test.positions) }
      }),
    )
    const answers = await askLlamaCpp(files.map(file => ({ path: file.path, ids: [file.ids] })))
    const found: FamilyDifference[] = []
    for (const [i, file] of files.entries()) {
      const { logits: theirs, architecture } = answers[i]!
      const ours = await ourLogits(file.test, file.ids, referenceBackend())
      found.push({
        name: file.test.name,
        architecture,
        difference: relative(theirs, ours),
        withItsGelu: relative(theirs, await ourLogits(file.test, file.ids, withHalfGelu(referenceBackend()))),
        readBack: relative(await logitsOfFile(file.path, file.ids), ours),
        notes: file.notes,
      })
    }
    return found
  } finally {
    await rm(folder, { recursive: true })
  }
}

const inputOf = (row: readonly number[]) => tensor('i32', [1, row.length], Int32Array.from(row))

async function ourLogits(
  { config, name }: FamilyCase,
  row: readonly number[],
  backend: Backend,
): Promise<Float32Array> {
  const model = createModel({ ...randomCheckpoint(config, name), path: name })
  return (await logits(model, backend, inputOf(row))).get('logits')!.data as Float32Array
}

async function logitsOfFile(path: string, row: readonly number[]): Promise<Float32Array> {
  const model = await openModel(path)
  try {
    return (await logits(model, referenceBackend(), inputOf(row))).get('logits')!.data as Float32Array
  } finally {
    await model.close()
  }
}

/** Infinite when the two are of different lengths. */
function relative(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / largest
}
