/**
 * SIGKILL at every block and at random moments inside writes: whatever the moments, the resumed run must write the bytes of
 * an undisturbed one.
 *
 *   node --conditions=@sinter/source tools/kill/src/kill.ts [--kills 40] [--seed 1]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createRng } from '@sinter/tensor-core'
import { demoJob } from './demo-job.ts'
import { hashOf, type Job, killSeries, type Moment, runToEnd } from './series.ts'

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '40' }, seed: { type: 'string', default: '1' } },
})
const rng = createRng(Number(values.seed))
const folder = await mkdtemp(join(tmpdir(), 'sinter-kill-'))

const randomMoment = (): Moment =>
  rng.uniform() < 0.6
    ? { kind: 'write', skip: rng.integer(4) }
    : { kind: 'time', milliseconds: 200 + rng.integer(5000) }

let kills = 0
let series = 0
let wrong = 0
for (const format of ['hf', 'gguf:Q4_0']) {
  const job = (name: string): Job => demoJob(folder, `${format.slice(0, 4)}-${name}`, format)
  const reference = job('reference')
  await runToEnd(reference, false)
  const again = job('again')
  await runToEnd(again, false)
  const expected = hashOf(reference.out)
  if (hashOf(again.out) !== expected) throw new Error('the same recipe twice gave other bytes')
  const goal = format === 'hf' ? Number(values.kills) * 0.6 : Number(values.kills)
  while (kills < goal) {
    const moments: Moment[] =
      series++ % 2 === 0
        ? [0, 1, 2, 3].map(block => ({ kind: 'block', block }))
        : Array.from({ length: 5 }, randomMoment)
    const killed = job(`series-${series}`)
    kills += await killSeries(killed, moments)
    const equal = hashOf(killed.out) === expected
    if (!equal) wrong++
    console.log(`${format} series ${series}: ${kills} kills so far, bytes ${equal ? 'equal' : 'DIFFER'}`)
    await rm(killed.out, { recursive: true, force: true })
  }
}
await rm(folder, { recursive: true, force: true })
console.log(`${kills} kills in ${series} runs, ${wrong} with other bytes`)
process.exitCode = wrong > 0 ? 1 : 0
