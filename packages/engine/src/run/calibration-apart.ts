import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { SinterError } from '@sinter/model'
import type { CalibrationPlan } from '../plan/plan.ts'
import type { CalibrationReply, CalibrationRequest } from './calibration.ts'

/**
 * Token ids of the samples, made in a process of its own: a vocabulary and the pieces of a text leave a hundred megabytes
 * behind in whoever encodes them, in a thread's allocator too, and a process takes them along when it ends.
 * @returns i32 `samples × length`
 * @throws SinterError `calibration` for an empty or too short text, `tokenizer` for a model without one
 */
export async function calibrationIds(model: string, plan: CalibrationPlan): Promise<Int32Array> {
  const file = import.meta.url.endsWith('.ts') ? './calibration-process.ts' : './calibration-process.js'
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { serialization: 'advanced' })
  child.send({ model, plan } satisfies CalibrationRequest)
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the process that reads the calibration text stopped (exit code ${code})`)
  })
  const [reply] = (await Promise.race([once(child, 'message'), ended])) as [CalibrationReply]
  ended.catch(() => {})
  child.kill()
  if ('ids' in reply) return reply.ids
  throw new SinterError(reply.code, reply.message)
}
