/**
 * Trains the demo model from nothing, or its student of a quarter of its size, or goes on where it was stopped, and writes it as a
 * Hugging Face folder.
 *
 *   node --conditions=@sinter/source tools/demo/src/train-demo.ts --out DIR
 *   node --conditions=@sinter/source tools/demo/src/train-demo.ts --student [--teacher DIR | --alone] --out DIR
 */
import { parseArgs } from 'node:util'
import { openModel } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { demoShape, studentShape } from './demo-config.ts'
import { demoModel, tokenizerIn } from './demo-folder.ts'
import { createProgressLines } from './progress-lines.ts'
import { type RunOptions, trainRun } from './train-run.ts'
import { TRAINING_SHARES } from './training-rows.ts'
import { writeModel } from './write-model.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    student: { type: 'boolean', default: false },
    // A student without a teacher, to see what the teacher gives.
    alone: { type: 'boolean', default: false },
    teacher: { type: 'string', default: demoModel },
    alpha: { type: 'string', default: '0.9' },
    steps: { type: 'string', default: '12000' },
    cooldown: { type: 'string', default: '3000' },
    rows: { type: 'string', default: '8' },
    length: { type: 'string', default: '256' },
    rate: { type: 'string' },
    beta2: { type: 'string', default: '0.985' },
    warmup: { type: 'string', default: '100' },
    // One: with two, each waits for the other at every operation, which pays only on a machine that does nothing else.
    threads: { type: 'string', default: '1' },
    tokenizer: { type: 'string', default: demoModel },
  },
})
const { out, student, alone, tokenizer } = values
if (!out) throw new Error('give --out, the folder for the state and the model')

const taught = student && !alone
const options: RunOptions = {
  shape: student ? studentShape : demoShape,
  seed: 'demo',
  shares: TRAINING_SHARES,
  steps: Number(values.steps),
  cooldown: Number(values.cooldown),
  rows: Number(values.rows),
  length: Number(values.length),
  // Narrow models stand, and want, a higher one.
  learningRate: Number(values.rate ?? (student ? '0.003' : '0.0015')),
  beta2: Number(values.beta2),
  warmup: Number(values.warmup),
  weightDecay: 0.1,
  ...(taught && { alpha: Number(values.alpha) }),
}
const backend = ortNodeBackend({ threads: Number(values.threads) })
const teacher = taught ? await openModel(values.teacher) : undefined
const place = { backend, tokenizer: tokenizerIn(tokenizer), folder: out, saveEvery: 100, ...(teacher && { teacher }) }
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
  await teacher?.close()
  await backend.close()
}
