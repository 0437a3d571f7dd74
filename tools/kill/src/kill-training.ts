/**
 * SIGKILL of training runs at random steps and inside the writing of checkpoints: whatever the moments, the resumed run must
 * write the bytes of an undisturbed one.
 *
 *   node --conditions=@sinter/source tools/kill/src/kill-training.ts [--kills 20] [--seed 1]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createRng } from '@sinter/tensor-core'
import { hashOf, killSeries, type Moment, runToEnd } from './series.ts'
import { trainJob } from './train-job.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
})
const rng = createRng(Number(values.seed))
const folder = await mkdtemp(join(tmpdir(), 'sinter-kill-'))

/** Inside a checkpoint or the result, after a checkpoint, or whenever. */
function randomMoment(): Moment {
  const kind = rng.uniform()
  if (kind < 0.5) return { kind: 'write', skip: rng.integer(3), of: kind < 0.35 ? 'step-' : 'model.safetensors' }
  return kind < 0.75
    ? { kind: 'checkpoint', step: 1 + rng.integer(12) }
    : { kind: 'time', milliseconds: 500 + rng.integer(3000) }
}

let kills = 0
let inside = 0
let series = 0
let wrong = 0
for (const [i, method] of (['lora', 'full'] as const).entries()) {
  const reference = trainJob(folder, `${method}-reference`, method)
  await runToEnd(reference, false)
  const again = trainJob(folder, `${method}-again`, method)
  await runToEnd(again, false)
  const expected = hashOf(reference.out)
  if (hashOf(again.out) !== expected) throw new Error('the same recipe twice gave other bytes')
  while (kills < (Number(values.kills) * (i + 1)) / 2) {
    const moments = Array.from({ length: 4 }, randomMoment)
    const killed = trainJob(folder, `${method}-${series++}`, method)
    kills += await killSeries(killed, moments, unfinished => {
      if (unfinished.some(path => path.includes('step-'))) inside++
    })
    const equal = hashOf(killed.out) === expected
    if (!equal) wrong++
    const how = moments.map(moment => moment.kind).join(', ')
    console.log(`${method} series ${series} (${how}): ${kills} kills so far, bytes ${equal ? 'equal' : 'DIFFER'}`)
    await rm(killed.out, { recursive: true, force: true })
  }
}
await rm(folder, { recursive: true, force: true })
console.log(`${kills} kills in ${series} runs, ${inside} of them inside a checkpoint; ${wrong} with other bytes`)
process.exitCode = wrong > 0 ? 1 : 0
