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
  /** The step up to which a run does not depend on where it ends: the end may be moved while neither run has passed it. */
  readonly coolFrom: number
}

const separator = ' of '

/** Parameters, moments and position in one file that appears whole: a killed run goes on from the last one to the same bytes. */
export async function saveTraining(path: string, run: RunIdentity, { parameters, state }: Training): Promise<void> {
  const tensors = new Map<string, Tensor>(parameters)
  for (const name of state.optimizer.names())
    for (const [moment, data] of Object.entries((await state.optimizer.get(name))!))
      tensors.set(moment + separator + name, { dtype: 'f32', shape: [data.length], data: data as Float32Array })
  const specs = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const writer = await createSafetensorsWriter(path, specs, {
    metadata: { run: run.key, coolFrom: String(run.coolFrom), step: String(state.step) },
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
      else await state.optimizer.put(name, { ...(await state.optimizer.get(name)), [moment]: data })
    }
    return { parameters, state }
  } finally {
    await source.close()
  }
}

function stepOf(path: string, metadata: Readonly<Record<string, string>>, { key, coolFrom }: RunIdentity): number {
  if (metadata.run !== key)
    throw new Error(`${path}: expected the state of the run\n${key}\ngot\n${metadata.run}\nGive another folder.`)
  const [step, itsCoolFrom] = [Number(metadata.step), Number(metadata.coolFrom)]
  if (!Number.isSafeInteger(step) || step < 0)
    throw new Error(`${path}: expected the number of steps done, got ${metadata.step}; remove the file to begin again`)
  if (itsCoolFrom !== coolFrom && step > Math.min(itsCoolFrom, coolFrom))
    throw new Error(
      `${path}: step ${step} is done of a run that cools down from step ${itsCoolFrom} on, so its end cannot be moved to one ` +
        `that does from step ${coolFrom} on; give the steps and the cooldown that it was started with`,
    )
  return step
}
