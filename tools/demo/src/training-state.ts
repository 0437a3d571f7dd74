import { createSafetensorsWriter, newTrainerState, openSafetensors, type TrainerState } from '@sinter/model'
import { type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'

/** Everything that the next step depends on. */
export interface Training {
  readonly parameters: ReadonlyMap<string, TensorF32>
  readonly state: TrainerState
}

/** What tells one run from another, so that none goes on from another's state. */
export interface RunIdentity {
  readonly key: string
  /**
   * The step from which the learning rate falls. Up to there a run does not depend on how long it will be, so its length may be
   * changed while the earlier of both steps is not passed.
   */
  readonly decayFrom: number
}

const separator = ' of '

/** Parameters, moments and position in one file that appears whole: a killed run goes on from the last one to the same bytes. */
export async function saveTraining(path: string, run: RunIdentity, { parameters, state }: Training): Promise<void> {
  const tensors = new Map<string, Tensor>(parameters)
  for (const [name, moments] of state.optimizer)
    for (const [moment, data] of Object.entries(moments))
      tensors.set(moment + separator + name, { dtype: 'f32', shape: [data.length], data: data as Float32Array })
  const specs = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const writer = await createSafetensorsWriter(path, specs, {
    metadata: { run: run.key, decayFrom: String(run.decayFrom), step: String(state.step) },
  })
  for (const [name, tensor] of tensors) await writer.write(name, tensor)
  await writer.commit()
}

/** @throws Error when the file is of another run */
export async function loadTraining(path: string, run: RunIdentity): Promise<Training> {
  const source = await openSafetensors(path)
  try {
    const state = newTrainerState()
    state.step = stepOf(path, source.metadata, run)
    const parameters = new Map<string, TensorF32>()
    for (const stored of source.names()) {
      const { shape, data } = toF32(await source.read(stored))
      const [moment, name] = stored.split(separator) as [string, string | undefined]
      if (name === undefined) parameters.set(stored, { dtype: 'f32', shape, data })
      else state.optimizer.set(name, { ...state.optimizer.get(name), [moment]: data })
    }
    return { parameters, state }
  } finally {
    await source.close()
  }
}

function stepOf(
  path: string,
  { run, decayFrom, step }: Readonly<Record<string, string>>,
  expected: RunIdentity,
): number {
  if (run !== expected.key)
    throw new Error(`${path}: expected the state of the run\n${expected.key}\ngot\n${run}\nGive another folder.`)
  if (Number(decayFrom) !== expected.decayFrom && Number(step) > Math.min(Number(decayFrom), expected.decayFrom))
    throw new Error(
      `${path}: expected a run whose learning rate falls from step ${decayFrom} on, got one from ${expected.decayFrom}; ` +
        `step ${step} is done, which is too late to change that. Give the steps and the decay that it was started with.`,
    )
  return Number(step)
}
