import { freeBuffer, type TensorF32 } from '@sinter/tensor-core'
import { clipFactor, sumSquares } from './clip.ts'
import type { GradientMap } from './gradients.ts'
import type { Learner } from './learner.ts'
import type { StepHooks } from './method.ts'
import type { Optimizer } from './optimizer.ts'
import { memoryStates, type OptimizerStore } from './optimizer-store.ts'
import type { TrainTokens } from './target-rows.ts'

/** Parameters that are treated alike: the first group whose `match` a stored name fits. */
export interface ParameterGroup {
  match(name: string, shape: readonly number[]): boolean
  /** Multiplies the learning rate. */
  readonly rate?: number
  /** Replaces the optimizer's own. */
  readonly options?: Readonly<Record<string, unknown>>
}

export interface TrainerOptions {
  readonly learner: Learner
  readonly parameters: ReadonlyMap<string, TensorF32>
  readonly optimizer: Optimizer
  readonly optimizerOptions: Readonly<Record<string, unknown>>
  readonly groups?: readonly ParameterGroup[]
  readonly learningRate: number
  /** Multiplies the learning rate of step 0, 1, … */
  schedule(step: number): number
  readonly steps: number
  /** Gradients are scaled down to this norm over all parameters; 0 leaves them. */
  readonly clip: number
  /** The batches of a step. */
  batches(step: number): Promise<readonly TrainTokens[]>
  /** What the loss is looked at on, every `evaluateEvery` steps and at the end. */
  readonly heldOut?: readonly TrainTokens[]
  readonly evaluateEvery?: number
  /** Training ends when the held-out loss has not fallen for so many evaluations. */
  readonly patience?: number
  readonly state?: TrainerState
  readonly signal?: AbortSignal | undefined
  /** What a method does around a step. */
  readonly hooks?: StepHooks
}

/** Everything beside the parameters that the next step depends on. */
export interface TrainerState {
  /** Steps that are done. */
  step: number
  readonly optimizer: OptimizerStore
  best?: { readonly step: number; readonly loss: number }
  /** Evaluations since the best one. */
  stale: number
  /** The step after which the held-out loss was last looked at: one that was interrupted is made up for. */
  evaluated?: number
}

export type TrainEvent =
  | {
      readonly type: 'step'
      /** From 1. */
      readonly step: number
      readonly steps: number
      readonly terms: Readonly<Record<string, number>>
      /** Of all gradients together, before they are clipped. */
      readonly gradientNorm: number
      readonly learningRate: number
      /** Tokens that were read. */
      readonly tokens: number
      readonly seconds: number
    }
  | {
      readonly type: 'evaluated'
      readonly step: number
      readonly terms: Readonly<Record<string, number>>
      readonly best: boolean
    }
  | { readonly type: 'stopped'; readonly step: number; readonly reason: 'finished' | 'patience' }

/** Numbers that training cannot go on with: the step, and where they were met. */
export class DivergedError extends Error {
  override readonly name = 'DivergedError'
  readonly step: number
  /** What was wrong with the loss, or with the gradient of a tensor by its stored name. */
  readonly where: string
  // Private, so that no one who prints an error prints a model.
  readonly #gradients: GradientMap

  constructor(step: number, where: string, gradients: GradientMap) {
    super(
      `training diverged in step ${step}: ${where}; parameters are those before the step. Lower the learning rate, add warm-up steps, or clip gradients`,
    )
    this.step = step
    this.where = where
    this.#gradients = gradients
  }

  /** As they came, for a look at them. */
  get gradients(): GradientMap {
    return this.#gradients
  }
}

export const newTrainerState = (optimizer: OptimizerStore = memoryStates()): TrainerState => ({
  step: 0,
  optimizer,
  stale: 0,
})

/**
 * Trains: moves `parameters` in place, step by step. Between two events everything that the next step depends on is in
 * `parameters` and `state`, so both together are a checkpoint.
 * @throws DivergedError before the parameters have taken a step that is not finite
 */
export async function* train(options: TrainerOptions): AsyncGenerator<TrainEvent, TrainerState> {
  const { learner, steps, state = newTrainerState(), signal, hooks = {} } = options
  while (true) {
    if (isDue(options, state)) yield await evaluated(options, state)
    if (options.patience !== undefined && state.stale >= options.patience) {
      yield { type: 'stopped', step: state.step, reason: 'patience' }
      return state
    }
    if (state.step >= steps) break
    signal?.throwIfAborted()
    const started = performance.now()
    const at = { step: state.step, steps }
    const batches = await options.batches(state.step)
    hooks.beforeStep?.(at)
    const { terms: losses, gradients } = await learner.gradients(batches, signal && { signal })
    const terms = { ...losses, ...hooks.penalty?.(gradients) }
    const gradientNorm = checkedNorm(state.step + 1, terms, gradients)
    const learningRate = options.learningRate * options.schedule(state.step)
    const factor = options.clip > 0 ? clipFactor(gradientNorm, options.clip) : 1
    await takeStep(options, state, gradients, learningRate, factor)
    hooks.afterStep?.(at, gradients)
    for (const gradient of gradients.values()) freeBuffer(gradient)
    state.step++
    const tokens = batches.reduce((sum, { ids }) => sum + ids.data.length, 0)
    const seconds = (performance.now() - started) / 1000
    yield { type: 'step', step: state.step, steps, terms, gradientNorm, learningRate, tokens, seconds }
  }
  yield { type: 'stopped', step: state.step, reason: 'finished' }
  return state
}

/** Whether the held-out loss is to be looked at before the next step. */
function isDue({ heldOut, evaluateEvery = 0, steps }: TrainerOptions, { step, evaluated = 0 }: TrainerState): boolean {
  if (!heldOut || step <= evaluated) return false
  return step === steps || (evaluateEvery > 0 && step % evaluateEvery === 0)
}

async function evaluated({ learner, heldOut, signal }: TrainerOptions, state: TrainerState): Promise<TrainEvent> {
  const terms = await learner.evaluate(heldOut!, signal && { signal })
  const best = state.best === undefined || terms.loss! < state.best.loss
  if (best) state.best = { step: state.step, loss: terms.loss! }
  state.stale = best ? 0 : state.stale + 1
  state.evaluated = state.step
  return { type: 'evaluated', step: state.step, terms, best }
}

/** A loss so small may have gradients that round to nothing: everything is learnt. */
const LEARNT = 1e-3

/** √Σ g² over all tensors, in f64. @throws DivergedError naming the first that is not finite */
function checkedNorm(step: number, { loss }: Readonly<Record<string, number>>, gradients: GradientMap): number {
  let total = 0
  let bad: string | undefined
  for (const [name, gradient] of gradients) {
    const sum = sumSquares(gradient)
    if (!Number.isFinite(sum)) bad ??= name
    total += sum
  }
  if (!Number.isFinite(loss))
    throw new DivergedError(
      step,
      `the loss is ${loss}${bad ? `, and the gradient of ${bad} not finite` : ''}`,
      gradients,
    )
  if (bad) throw new DivergedError(step, `the gradient of ${bad} is not finite`, gradients)
  // What norms make of an overflow is often zero: the model says the same whatever it reads, and no step changes that.
  if (total === 0 && loss! > LEARNT)
    throw new DivergedError(
      step,
      `all gradients are zero at a loss of ${loss!.toPrecision(4)}, as after an overflow`,
      gradients,
    )
  return Math.sqrt(total)
}

async function takeStep(
  { parameters, optimizer, optimizerOptions, groups = [] }: TrainerOptions,
  state: TrainerState,
  gradients: GradientMap,
  learningRate: number,
  factor: number,
): Promise<void> {
  for (const [name, parameter] of parameters) {
    const gradient = gradients.get(name)
    // Nothing reached it in this step: a layer that was dropped, say.
    if (!gradient) continue
    const group = groups.find(candidate => candidate.match(name, parameter.shape))
    if (factor !== 1) for (let i = 0; i < gradient.length; i++) gradient[i]! *= factor
    const options = { ...optimizerOptions, ...group?.options }
    const own = (await state.optimizer.get(name)) ?? optimizer.state(parameter.shape, options)
    optimizer.step({
      parameter: parameter.data,
      gradient,
      state: own,
      shape: parameter.shape,
      step: state.step + 1,
      learningRate: learningRate * (group?.rate ?? 1),
      options,
    })
    await state.optimizer.put(name, own)
  }
}

/** Weight decay pulls at matrices; norms and biases are left alone. */
export const noDecayOnVectors: ParameterGroup = { match: (_, shape) => shape.length < 2, options: { weightDecay: 0 } }
