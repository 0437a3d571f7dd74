/**
 * Training beside PyTorch, processes in turn: SmolLM2-135M, rows of 512, four a step; LoRA of rank 16 on every linear, and
 * full-parameter distillation of its first four blocks from all of it.
 *
 *   node --conditions=@sinter/source tools/bench/src/train-speed.ts --model DIR --student DIR --text FILE --venv DIR [--pairs 2]
 *
 * With --run lora|kd it is our side of a pair, in this process.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { softLabels } from '@sinter/distillation'
import { lora } from '@sinter/lowrank'
import {
  adamw,
  createLearner,
  crossEntropy,
  everyToken,
  full,
  memoryStates,
  newTrainerState,
  openModel,
  pagedStates,
  train,
} from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { gemmRate } from './gemm-rate.ts'

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    student: { type: 'string' },
    text: { type: 'string' },
    venv: { type: 'string' },
    pairs: { type: 'string', default: '2' },
    steps: { type: 'string', default: '3' },
    run: { type: 'string' },
    paged: { type: 'string' },
    frozen: { type: 'string', default: 'memory' },
  },
})
const [BATCH, LENGTH] = [4, 512]

async function ours(kind: 'lora' | 'kd'): Promise<void> {
  const teacher = await openModel(values.model!)
  const model = kind === 'lora' ? teacher : await openModel(values.student!)
  const backend = ortNodeBackend({ threads: 2, arena: false })
  const ids = Int32Array.from(
    teacher.tokenizer!.encode(readFileSync(values.text!, 'utf8').slice(0, 100_000), { addSpecialTokens: false }),
  )
  const setup =
    kind === 'lora'
      ? await lora.setUp(model, { rank: 16, alpha: 32, targets: [] }, { seed: 0 })
      : await full.setUp(model, { trains: 'everything' }, { seed: 0 })
  const learner = createLearner(model, {
    backend,
    objective: kind === 'lora' ? crossEntropy : softLabels({ alpha: 1 }),
    parameters: setup.parameters,
    rewrite: setup.rewrite,
    ...(kind === 'kd' ? { teacher, keepFrozen: false } : { keepFrozen: values.frozen === 'memory' }),
  })
  const events = train({
    learner,
    parameters: setup.parameters,
    optimizer: adamw as never,
    optimizerOptions: adamw.options.parse({}) as never,
    learningRate: 1e-4,
    schedule: () => 1,
    steps: Number(values.steps),
    clip: 1,
    state: newTrainerState(values.paged === undefined ? memoryStates() : await pagedStates(values.paged)),
    batches: async step => {
      const at = (step * BATCH * LENGTH) % (ids.length - BATCH * LENGTH)
      return [everyToken({ dtype: 'i32', shape: [BATCH, LENGTH], data: ids.slice(at, at + BATCH * LENGTH) })]
    },
  })
  for await (const event of events)
    if (event.type === 'step')
      console.log(
        `step ${event.step} loss ${event.terms.loss!.toFixed(5)}, ${(event.tokens / event.seconds).toFixed(1)} tokens/s, peak ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`,
      )
  await learner.close()
  await backend.close()
}

function both(kind: 'lora' | 'kd'): void {
  const own = ['--run', kind, '--model', values.model!, '--student', values.student!, '--text', values.text!]
  const paged = values.paged === undefined ? [] : ['--paged', values.paged]
  const env = {
    ...process.env,
    MALLOC_ARENA_MAX: '1',
    MALLOC_MMAP_THRESHOLD_: '4194304',
    MALLOC_TRIM_THRESHOLD_: '4194304',
  }
  const sinter = spawnSync(
    process.execPath,
    ['--conditions=@sinter/source', import.meta.filename, ...own, ...paged, '--steps', values.steps!],
    { env, encoding: 'utf8' },
  )
  console.log(`${kind}, Sinter:\n${sinter.stdout}${sinter.status === 0 ? '' : sinter.stderr}`)
  const script = join(import.meta.dirname, '../peers/torch-training.py')
  const peer = spawnSync(join(values.venv!, 'bin/python'), [script, values.model!, kind, values.text!, values.steps!], {
    encoding: 'utf8',
  })
  console.log(`${kind}, PyTorch:\n${peer.stdout}${peer.status === 0 ? '' : peer.stderr}`)
}

if (values.run) await ours(values.run as 'lora' | 'kd')
else
  for (let pair = 0; pair < Number(values.pairs); pair++) {
    console.log(`GEMM ${(await gemmRate(2)).toFixed(0)} GFLOP/s`)
    both('lora')
    both('kd')
  }
