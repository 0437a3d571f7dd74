import { SinterError } from '../errors.ts'
import { nearestName } from '../nearest.ts'
import { adafactor } from './adafactor.ts'
import { adamw } from './adamw.ts'
import { adamw8bit } from './adamw-8bit.ts'
import { lion } from './lion.ts'
import type { Optimizer } from './optimizer.ts'
import { rmsprop } from './rmsprop.ts'
import { sgd } from './sgd.ts'

/** Every optimizer there is. To add one: its file, and a line here. */
export const optimizers: readonly Optimizer[] = [adamw, adamw8bit, lion, adafactor, sgd, rmsprop]

/** @throws SinterError `unknown-name` with the nearest name and all that are known */
export function optimizerOf(name: string): Optimizer {
  const optimizer = optimizers.find(candidate => candidate.name === name)
  if (optimizer) return optimizer
  const known = optimizers.map(candidate => candidate.name)
  throw new SinterError(
    'unknown-name',
    `unknown optimizer ${JSON.stringify(name.slice(0, 64))}; did you mean ${JSON.stringify(nearestName(name, known))}? ` +
      `Known: ${known.join(', ')}`,
  )
}
