import { createLearner, crossEntropy, everyToken, openModel } from '@sinter/model'
import { lora } from '@sinter/lowrank'
import { ortNodeBackend } from '@sinter/tensor-core'
import { readFileSync } from 'node:fs'
const [path, batchArg = '4', steps = '3', keep = 'yes'] = process.argv.slice(2)
const model = await openModel(path!)
const backend = ortNodeBackend({ threads: 2 })
const setup = await lora.setUp(model, { rank: 16, alpha: 32, targets: [] }, { seed: 0 })
const learner = createLearner(model, { backend, objective: crossEntropy, parameters: setup.parameters, rewrite: setup.rewrite, keepFrozen: keep === 'yes' })
const B = Number(batchArg), T = 512
const text = readFileSync('/work/shared/data/text/calibration.txt', 'utf8').slice(0, 200000)
const all = Int32Array.from(model.tokenizer!.encode(text, { addSpecialTokens: false }))
for (let s = 0; s < Number(steps); s++) {
  const t0 = performance.now()
  const ids = all.slice(s * B * T, (s + 1) * B * T)
  const { terms, gradients } = await learner.gradients([everyToken({ dtype: 'i32', shape: [B, T], data: ids })])
  const sec = (performance.now() - t0) / 1000
  console.log(`step ${s} loss ${terms.loss!.toFixed(5)} ${gradients.size} grads ${(B * T / sec).toFixed(1)} tok/s rss ${(process.memoryUsage().rss / 2**20).toFixed(0)} MiB max ${(process.resourceUsage().maxRSS/1024).toFixed(0)}`)
}
await learner.close(); await backend.close()
