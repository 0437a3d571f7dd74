import { z } from 'zod'
import { SinterError } from '../errors.ts'

/** How the learning rate goes over a run. Lengths are whole steps, or below 1 a share of the run, rounded up. */
export type Schedule = { readonly warmup: number } & (
  | { readonly name: 'constant' }
  | { readonly name: 'linear' }
  | { readonly name: 'cosine'; readonly cycles: number; readonly minimum: number }
  | { readonly name: 'cosine-restarts'; readonly cycles: number }
  | { readonly name: 'polynomial'; readonly power: number; readonly minimum: number }
  | { readonly name: 'inverse-sqrt'; readonly timescale?: number | undefined }
  | { readonly name: 'wsd'; readonly decay: number; readonly minimum: number }
)

const length = (what: string): z.ZodNumber =>
  z
    .number()
    .min(0)
    .refine(value => value < 1 || Number.isInteger(value), {
      message: 'expected whole steps, or a number below 1 as the share of the run',
    })
    .describe(`${what}: whole steps, or below 1 a share of the run.`)

const warmup = length('Rise from 0 to the full rate').default(0)
const minimum = z.number().min(0).max(1).default(0).describe('Least rate, as a share of the full rate.')

export const scheduleSchema: z.ZodType<Schedule> = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('constant'), warmup }),
  z.strictObject({ name: z.literal('linear'), warmup }),
  z.strictObject({
    name: z.literal('cosine'),
    warmup,
    cycles: z.number().positive().default(0.5).describe('Waves of the cosine; 0.5: from the full rate to the least.'),
    minimum,
  }),
  z.strictObject({
    name: z.literal('cosine-restarts'),
    warmup,
    cycles: z.int().min(1).default(1).describe('Descents, each from the full rate to 0.'),
  }),
  z.strictObject({
    name: z.literal('polynomial'),
    warmup,
    power: z.number().positive().default(1).describe('Power of the share of the run that is left.'),
    minimum,
  }),
  z.strictObject({
    name: z.literal('inverse-sqrt'),
    warmup,
    timescale: z
      .int()
      .min(1)
      .optional()
      .describe('Steps after which the rate is 1/√2 of the full one; the warm-up, or 10,000 without one.'),
  }),
  z.strictObject({
    name: z.literal('wsd'),
    warmup,
    decay: length('Fall to the least rate at the end').default(0.1),
    minimum,
  }),
])

/**
 * The multiplier of the learning rate at each step of a run, counted from 0: with a warm-up the rate of step 0 is 0, and the rate
 * reaches its end at step `steps`, one past the last. All values are those of the schedules in transformers, which go on past the
 * end: the cosine then rises again. `wsd` is warm-up, stable, decay (Hu et al., arXiv:2404.06395 §4), with a cosine decay.
 * @param steps of the whole run
 * @throws SinterError `option` when the phases are longer than the run
 */
export function scheduleOf(schedule: Schedule, steps: number): (step: number) => number {
  const rise = lengthIn(schedule.warmup, steps)
  const fall = schedule.name === 'wsd' ? lengthIn(schedule.decay, steps) : 0
  if (!Number.isSafeInteger(steps) || steps < 1)
    throw new SinterError('option', `schedule ${schedule.name}: expected a run of one step or more, got ${steps}`)
  if (rise + fall > steps)
    throw new SinterError(
      'option',
      `schedule ${schedule.name}: ${rise} steps of warm-up${fall ? ` and ${fall} of decay` : ''} do not fit into a run of ` +
        `${steps}; shorten them, or give them as shares of the run (0.1)`,
    )
  const after = shapeOf(schedule, rise, steps, fall)
  return step => (step < rise ? step / rise : after(step))
}

const lengthIn = (length: number, steps: number): number => (length < 1 ? Math.ceil(length * steps) : length)

/** From 1 at 0 to `minimum` at 1, along a wave. */
const wave = (progress: number, minimum: number): number =>
  minimum + (1 - minimum) * 0.5 * (1 + Math.cos(Math.PI * progress))

/** What comes after the warm-up. */
function shapeOf(schedule: Schedule, rise: number, steps: number, fall: number): (step: number) => number {
  const progress = (step: number) => (step - rise) / Math.max(1, steps - rise)
  switch (schedule.name) {
    case 'constant':
      return () => 1
    case 'linear':
      return step => Math.max(0, 1 - progress(step))
    case 'cosine':
      return step => wave(2 * schedule.cycles * progress(step), schedule.minimum)
    case 'cosine-restarts':
      return step => (progress(step) >= 1 ? 0 : wave((schedule.cycles * progress(step)) % 1, 0))
    case 'polynomial':
      return step => schedule.minimum + (1 - schedule.minimum) * Math.max(0, 1 - progress(step)) ** schedule.power
    case 'inverse-sqrt': {
      const timescale = schedule.timescale ?? (rise || 10_000)
      return step => Math.sqrt(timescale / (timescale + step - rise))
    }
    case 'wsd':
      return step => wave(Math.min(1, Math.max(0, step - steps + fall) / Math.max(1, fall)), schedule.minimum)
  }
}
