/** Runs the cases of one errand; see guard.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { fuzz } from './fuzz.ts'
import type { Errand } from './guard.ts'
import type { Target } from './target.ts'

const { targets, only, first, count, at } = workerData as Errand
const { makeTargets } = (await import(targets)) as { makeTargets(): Promise<readonly Target[]> }
const place = new Float64Array(at)
const all = await makeTargets()
const picked = only ? all.filter(({ name }) => only.includes(name)) : all
parentPort!.postMessage(
  await fuzz(picked, first, count, number => {
    place[0] = number
  }),
)
