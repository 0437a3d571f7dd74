import { readFileSync } from 'node:fs'
import { softLabels } from '@sinter/distillation'
import { adamw, createLearner, everyToken, full, openModel, train } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'

const [path, teacherPath, keep = 'no'] = process.argv.slice(2)
const model = await openModel(path!)
const teacher = await openModel(teacherPath!)
const backend = ortNodeBackend({ threads: 2 })
const B = 4,
  T = 512
const text = readFileSync('/work/shared/data/text/calibration.txt', 'utf8').slice(0, 200000)
const all = Int32Array.from(model.tokenizer!.encode(text, { addSpecialTokens: false }))
const setup = await full.setUp(model, { trains: 'everything' }, { seed: 0 })
const learner = createLearner(model, {
  backend,
  objective: softLabels({ alpha: 1 }),
  parameters: setup.parameters,
  teacher,
  keepFrozen: keep === 'yes',
})
for await (const e of train({
  learner,
  parameters: setup.parameters,
  optimizer: adamw as never,
  optimizerOptions: adamw.options.parse({}) as never,
  learningRate: 1e-4,
  schedule: () => 1,
  steps: 3,
  clip: 1,
  batches: async s => [everyToken({ dtype: 'i32', shape: [B, T], data: all.slice(s * B * T, (s + 1) * B * T) })],
}))
  if (e.type === 'step')
    console.log(
      `step ${e.step} loss ${e.terms.loss!.toFixed(5)} ${(e.tokens / e.seconds).toFixed(1)} tok/s rss ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} max ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
    )
await learner.close()
await backend.close()
