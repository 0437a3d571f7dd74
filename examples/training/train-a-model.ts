// What `sinter train` does, from code: a recipe from a file, a run that tells how it goes, and the model that came of it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadTrainRecipe, type TrainResult, trainModel } from '@sinter/engine'
import { openModel } from '@sinter/model'

const recipe = await loadTrainRecipe(fileURLToPath(new URL('lora.yaml', import.meta.url)))
const folder = await mkdtemp(join(tmpdir(), 'sinter-example-'))

let done: TrainResult | undefined
for await (const event of trainModel(recipe, { out: join(folder, 'tuned'), threads: 1 })) {
  if (event.type === 'started') console.log(`${event.trained} of ${event.parameters} values move, ${event.steps} steps`)
  if (event.type === 'evaluated') console.log(`step ${event.step}: held-out loss ${event.terms.loss!.toFixed(3)}`)
  if (event.type === 'done') done = event.result
}
export const result: TrainResult = done!

const tuned = await openModel(result.path)
export const blocks: number = tuned.blocks
console.log(
  `from ${result.before!.loss!.toFixed(3)} to ${result.after!.loss!.toFixed(3)}; the result has ${blocks} blocks`,
)
await tuned.close()
await rm(folder, { recursive: true })
