/**
 * Trains the demo model from nothing, or goes on where it was stopped.
 *
 *   node --conditions=@sinter/source tools/demo/src/train-demo.ts --out DIR --steps 3000
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { loadTokenizer } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { demoShape } from './demo-config.ts'
import { demoModel } from './demo-folder.ts'
import { TRAINING_SHARES } from './training-rows.ts'
import { trainRun } from './train-run.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    steps: { type: 'string', default: '3000' },
    rows: { type: 'string', default: '8' },
    length: { type: 'string', default: '256' },
    rate: { type: 'string', default: '0.003' },
    warmup: { type: 'string', default: '100' },
    decay: { type: 'string', default: '1200' },
    threads: { type: 'string', default: '2' },
    /** Ends early, the schedule unchanged: for trying things. */
    until: { type: 'string' },
    tokenizer: { type: 'string', default: demoModel },
  },
})
if (!values.out) throw new Error('give --out, the folder for the state and the model')

const file = (name: string): string => readFileSync(`${values.tokenizer}/${name}`, 'utf8')
const tokenizer = loadTokenizer({
  tokenizerJson: file('tokenizer.json'),
  tokenizerConfig: file('tokenizer_config.json'),
})
const steps = Number(values.steps)
const until = Number(values.until ?? steps)
const backend = ortNodeBackend({ threads: Number(values.threads) })
const run = trainRun(
  {
    shape: demoShape,
    seed: 'demo',
    shares: TRAINING_SHARES,
    steps,
    decay: Number(values.decay),
    rows: Number(values.rows),
    length: Number(values.length),
    learningRate: Number(values.rate),
    warmup: Number(values.warmup),
    weightDecay: 0.1,
  },
  { backend, tokenizer, folder: values.out, saveEvery: 100 },
)

const every = 20
let sums = { loss: 0, tokens: 0, seconds: 0, steps: 0 }
for await (const event of run) {
  if (event.type !== 'step') continue
  const { terms, tokens, seconds } = event
  sums = {
    loss: sums.loss + terms.loss!,
    tokens: sums.tokens + tokens,
    seconds: sums.seconds + seconds,
    steps: sums.steps + 1,
  }
  if (event.step % every === 0) {
    const minutes = ((steps - event.step) * sums.seconds) / sums.steps / 60
    console.log(
      `step ${event.step}/${steps}  loss ${(sums.loss / sums.steps).toFixed(4)}  norm ${event.gradientNorm.toFixed(2)}  ` +
        `rate ${event.learningRate.toExponential(2)}  ${Math.round(sums.tokens / sums.seconds)} tokens/s  ${minutes.toFixed(1)} min left`,
    )
    sums = { loss: 0, tokens: 0, seconds: 0, steps: 0 }
  }
  if (event.step >= until) break
}
await backend.close()
