/**
 * Trains the demo model from nothing, or goes on where it was stopped, and writes it as a Hugging Face folder.
 *
 *   node --conditions=@sinter/source tools/demo/src/train-demo.ts --out DIR
 */
import { parseArgs } from 'node:util'
import { ortNodeBackend } from '@sinter/tensor-core'
import { demoShape } from './demo-config.ts'
import { demoModel, tokenizerIn } from './demo-folder.ts'
import { createProgressLines } from './progress-lines.ts'
import { type RunOptions, trainRun } from './train-run.ts'
import { TRAINING_SHARES } from './training-rows.ts'
import { writeModel } from './write-model.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    steps: { type: 'string', default: '4000' },
    cooldown: { type: 'string', default: '1000' },
    rows: { type: 'string', default: '8' },
    length: { type: 'string', default: '256' },
    rate: { type: 'string', default: '0.003' },
    warmup: { type: 'string', default: '100' },
    hold: { type: 'string', default: '1000' },
    horizon: { type: 'string', default: '5500' },
    // One: with two, each waits for the other at every operation, which pays only on a machine that does nothing else.
    threads: { type: 'string', default: '1' },
    tokenizer: { type: 'string', default: demoModel },
  },
})
const { out, tokenizer } = values
if (!out) throw new Error('give --out, the folder for the state and the model')

const options: RunOptions = {
  shape: demoShape,
  seed: 'demo',
  shares: TRAINING_SHARES,
  steps: Number(values.steps),
  cooldown: Number(values.cooldown),
  rows: Number(values.rows),
  length: Number(values.length),
  learningRate: Number(values.rate),
  warmup: Number(values.warmup),
  hold: Number(values.hold),
  horizon: Number(values.horizon),
  weightDecay: 0.1,
}
const backend = ortNodeBackend({ threads: Number(values.threads) })
const place = { backend, tokenizer: tokenizerIn(tokenizer), folder: out, saveEvery: 100 }
const line = createProgressLines(20)
try {
  const run = trainRun(options, place)
  let next = await run.next()
  for (; !next.done; next = await run.next()) {
    const text = line(next.value)
    if (text) console.log(text)
  }
  await writeModel(`${out}/model`, options.shape, next.value.parameters, tokenizer)
} finally {
  await backend.close()
}
