/**
 * What training is for, on a real model and with several seeds: rounding-aware training against rounding, learned steps against
 * straight-through ones, scales alone against rounding, a teacher against none. Each line is one comparison with the mean
 * difference of the loss on held-out windows and its 95 % interval by a paired bootstrap over windows.
 *
 *   node --conditions=@sinter/source tools/bench/src/training-proofs.ts --model DIR --text TRAIN --held-out TEXT
 *     [--rows qat,lsq,peqa,llm-qat,kd] [--seeds 3] [--first 0] [--steps 150] [--initial error|mean] [--out FILE]
 * A run that was cut goes on with `--first`, the seed that it was at.
 */
import { appendFile, readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { selfText, softLabels } from '@sinter/distillation'
import {
  adamw,
  createLearner,
  crossEntropy,
  everyToken,
  full,
  type Model,
  noDecayOnVectors,
  type Objective,
  openModel,
  scheduleOf,
  type TrainSetup,
  type TrainTokens,
  train,
} from '@sinter/model'
import { type LsqOptions, lsq, peqa, qat } from '@sinter/quantization'
import { createRng, ortNodeBackend } from '@sinter/tensor-core'

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    text: { type: 'string' },
    'held-out': { type: 'string' },
    student: { type: 'string' },
    rows: { type: 'string', default: 'qat,lsq,peqa,llm-qat,kd' },
    seeds: { type: 'string', default: '3' },
    first: { type: 'string', default: '0' },
    steps: { type: 'string', default: '150' },
    bits: { type: 'string', default: '3' },
    rate: { type: 'string', default: '3e-4' },
    initial: { type: 'string', default: 'error' },
    texts: { type: 'string', default: '512' },
    'own-rate': { type: 'string', default: '1e-4' },
    out: { type: 'string' },
  },
})
const [BATCH, LENGTH, WINDOWS] = [8, 128, 64]
const steps = Number(values.steps)
const model = await openModel(values.model!)
const backend = ortNodeBackend({ threads: 2 })

const encode = async (path: string) =>
  Int32Array.from(model.tokenizer!.encode(await readFile(path, 'utf8'), { addSpecialTokens: false }))
const rowsOf = (ids: Int32Array, at: readonly number[]): TrainTokens =>
  everyToken({
    dtype: 'i32',
    shape: [at.length, LENGTH],
    data: Int32Array.from(at.flatMap(start => [...ids.subarray(start, start + LENGTH)])),
  })
const trainIds = await encode(values.text!)
const heldIds = await encode(values['held-out']!)
const windows = Array.from({ length: WINDOWS }, (_, i) => rowsOf(heldIds, [i * LENGTH]))

/** Batches of windows of the text, drawn with the seed. */
const drawn = (ids: Int32Array, seed: string) => async (step: number) => {
  const rng = createRng(`${seed}/${step}`)
  return [
    rowsOf(
      ids,
      Array.from({ length: BATCH }, () => rng.integer(ids.length - LENGTH)),
    ),
  ]
}

interface Arm {
  readonly of: Model
  readonly setup: TrainSetup
  readonly objective?: Objective
  readonly teacher?: Model
  readonly ids: Int32Array
  readonly seed: string
  readonly rate?: number
  readonly steps?: number
  /** What the held-out windows are scored by; default: cross-entropy. */
  readonly judgedBy?: Objective
}

/** Cross-entropy of every held-out window, before and after. */
async function run(arm: Arm) {
  const { of, setup, objective = crossEntropy, judgedBy = crossEntropy, teacher, ids, seed, rate } = arm
  const count = arm.steps ?? steps
  const learner = createLearner(of, {
    backend,
    objective,
    parameters: setup.parameters,
    rewrite: setup.rewrite,
    ...(setup.constants && { constants: setup.constants }),
    ...(teacher && { teacher }),
  })
  const judge = createLearner(of, {
    backend,
    objective: judgedBy,
    parameters: setup.parameters,
    rewrite: setup.rewrite,
    ...(setup.constants && { constants: setup.constants }),
    ...(teacher && { teacher }),
  })
  const score = async () => {
    const losses: number[] = []
    for (const window of windows) losses.push((await judge.evaluate([window])).loss!)
    return losses
  }
  const before = await score()
  const events = train({
    learner,
    parameters: setup.parameters,
    optimizer: adamw as never,
    optimizerOptions: adamw.options.parse({ weightDecay: 0 }) as never,
    groups: [noDecayOnVectors],
    learningRate: rate ?? Number(values.rate),
    schedule: scheduleOf({ name: 'cosine', warmup: 0.1, cycles: 0.5, minimum: 0 }, count),
    steps: count,
    clip: 1,
    batches: drawn(ids, seed),
  })
  for await (const _ of events);
  const after = await score()
  await learner.close()
  await judge.close()
  return { before, after }
}

const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length

/** a − b, window by window. */
function compare(name: string, seed: number, a: readonly number[], b: readonly number[]): Promise<void> {
  const differences = a.map((value, i) => value - b[i]!)
  const rng = createRng(`bootstrap/${seed}`)
  const means = Array.from({ length: 2000 }, () =>
    mean(differences.map(() => differences[rng.integer(differences.length)]!)),
  ).sort((x, y) => x - y)
  const line = `${name}, seed ${seed}: ${mean(a).toPrecision(4)} against ${mean(b).toPrecision(4)}, difference ${mean(differences).toPrecision(3)} [${means[50]!.toPrecision(3)}, ${means[1949]!.toPrecision(3)}]`
  console.log(line)
  return values.out ? appendFile(values.out, `${line}\n`) : Promise.resolve()
}

const bits = Number(values.bits)
const plain = { bits, groupSize: 0, targets: [], activationBits: 32, kvBits: 32 }
const rows = values.rows!.split(',')
for (let seed = Number(values.first); seed < Number(values.seeds); seed++) {
  const arm = { of: model, ids: trainIds, seed: String(seed) }
  if (rows.includes('qat')) {
    const straight = await run({ ...arm, setup: await qat.setUp(model, plain, { seed }) })
    await compare(`QAT straight-through W${bits} − RTN W${bits}`, seed, straight.after, straight.before)
    if (rows.includes('lsq')) {
      const options = { ...plain, initial: values.initial as LsqOptions['initial'] }
      const learned = await run({ ...arm, setup: await lsq.setUp(model, options, { seed }) })
      await compare(`LSQ W${bits} at first − RTN W${bits}`, seed, learned.before, straight.before)
      await compare(`LSQ W${bits} − straight-through W${bits}`, seed, learned.after, straight.after)
    }
  }
  if (rows.includes('peqa')) {
    const scales = await run({ ...arm, setup: await peqa.setUp(model, { bits, groupSize: 0, targets: [] }, { seed }) })
    await compare(`PEQA W${bits} − RTN W${bits}`, seed, scales.after, scales.before)
  }
  if (rows.includes('llm-qat')) {
    const texts: number[] = []
    for await (const { ids } of selfText(model, backend, { count: Number(values.texts), length: LENGTH, seed }))
      texts.push(...ids)
    const options = { ...plain, bits: 4, activationBits: 8, kvBits: 8 }
    const objective = softLabels({ alpha: 1 })
    const setup = await qat.setUp(model, options, { seed })
    const own = await run({
      ...arm,
      ids: Int32Array.from(texts),
      setup,
      objective,
      judgedBy: objective,
      teacher: model,
      rate: Number(values['own-rate']),
    })
    await compare(
      `KL from the original: LLM-QAT W4A8KV8 on ${texts.length} tokens of its own − RTN W4A8KV8`,
      seed,
      own.after,
      own.before,
    )
  }
  if (rows.includes('kd')) {
    const student = await openModel(values.student!)
    const alone = await run({
      ...arm,
      of: student,
      setup: await full.setUp(student, { trains: 'everything' }, { seed }),
    })
    const taught = await run({
      ...arm,
      of: student,
      setup: await full.setUp(student, { trains: 'everything' }, { seed }),
      objective: softLabels({ alpha: 0.9 }),
      teacher: model,
    })
    await compare('KD student − the same without a teacher', seed, taught.after, alone.after)
    await student.close()
  }
}
await backend.close()
await model.close()
