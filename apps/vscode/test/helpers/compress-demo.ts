// A program that a test bundles: one block of a model by a method with statistics, worker threads and ONNX Runtime.
import { checkRecipe, compress, resolvePlan } from '@sinter/engine'
import { openModel } from '@sinter/model'

const [path, text, out] = process.argv.slice(2) as [string, string, string]
const steps = [{ method: 'awq' }, { method: 'gptq', bits: 4, blocks: '0' }]
const recipe = checkRecipe({ version: 1, steps, calibration: { text, samples: 2, length: 32 } })
const model = await openModel(path)
for await (const _ of compress(await resolvePlan(model, recipe, { out, threads: 2 }), { out }));
await model.close()
