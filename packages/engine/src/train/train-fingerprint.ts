import { createHash } from 'node:crypto'
import type { Documents } from '@sinter/model'
import { modelFiles } from '../run/fingerprint.ts'
import { teacherModels } from './teacher-recipe.ts'
import type { TrainRecipe } from './train-recipe.ts'

/** The version of what training writes: raised when the same recipe would give other bytes. */
const TRAIN_VERSION = 1

/** Identity of a run: what it is resumed by. */
export async function fingerprintOf(recipe: TrainRecipe, documents: Documents): Promise<string> {
  // Neither where the result goes nor where states live changes what is computed.
  const { output: _, pagedOptimizer: ___, frozen: ____, data, ...rest } = recipe
  const { path: __, ...reading } = data
  const hash = createHash('sha256').update(JSON.stringify([TRAIN_VERSION, rest, reading, documents.fingerprint]))
  for (const path of [recipe.model!, ...teacherModels(recipe.teacher)])
    for (const [name, size, time] of await modelFiles(path)) hash.update(`${name}:${size}:${time};`)
  return hash.digest('hex')
}
