// What `sinter compress` does, from code: a recipe, a plan, a run that tells what it does, and the result opened again.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkRecipe, compress, formatPlan, resolvePlan } from '@sinter/engine'
import { openModel } from '@sinter/model'

const path = fileURLToPath(new URL('../../apps/cli/assets/demo-model', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'sinter-example-'))
const out = join(folder, 'small.gguf')

const recipe = checkRecipe({
  version: 1,
  steps: [{ method: 'rtn', range: 'mse' }],
  protect: ['mlp.down_proj'],
  output: { format: 'gguf:Q4_0' },
})
const model = await openModel(path)
const plan = await resolvePlan(model, recipe, { out, threads: 1 })
await model.close()
console.log(formatPlan(plan, { width: 110 }))

for await (const event of compress(plan, { out }))
  if (event.type === 'block') console.log(`block ${event.block + 1} of ${event.blocks}`)

const small = await openModel(out)
export const encodings: ReadonlySet<string> = new Set(
  small.source.names().map(name => small.source.info(name).encoding),
)
// Q6_K is what llama.cpp's Q4_0 files have for the embedding, F16 what is protected, F32 the norms.
console.log(`the result holds ${[...encodings].join(', ')}`)
await small.close()
await rm(folder, { recursive: true })
