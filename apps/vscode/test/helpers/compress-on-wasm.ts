// `node compress-on-wasm.ts RECIPE OUT`: obeys a recipe on the backend that a browser has, ONNX Runtime's WebAssembly on one thread.
import { compress, loadRecipe, resolvePlan } from '@sinter/engine'
import { openModel } from '@sinter/model'
import { ortWebBackend } from '@sinter/tensor-core'

const [path, out] = process.argv.slice(2) as [string, string]
const recipe = await loadRecipe(path)
const model = await openModel(recipe.model!)
const backend = await ortWebBackend()
for await (const _ of compress(await resolvePlan(model, recipe, { out, threads: 1 }), { out, backend }));
await backend.close()
await model.close()
