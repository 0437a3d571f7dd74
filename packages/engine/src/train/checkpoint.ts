import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createSafetensorsWriter,
  type OptimizerState,
  type OptimizerStore,
  openSafetensors,
  type SafetensorsSource,
  SinterError,
  type TrainerState,
  type TrainSetup,
} from '@sinter/model'
import type { Tensor, TensorF32 } from '@sinter/tensor-core'
import { z } from 'zod'

const fileOf = (step: number) => `step-${String(step).padStart(8, '0')}.safetensors`
const pattern = /^step-(\d{8})\.safetensors$/

/** Makes the state of a training run durable; the one before goes once this one is. */
export async function saveCheckpoint(
  folder: string,
  parameters: ReadonlyMap<string, TensorF32>,
  state: TrainerState,
): Promise<void> {
  const tensors = new Map<string, Tensor>()
  for (const [name, tensor] of parameters) tensors.set(`parameter/${name}`, tensor)
  for (const name of state.optimizer.names())
    for (const [key, data] of Object.entries((await state.optimizer.get(name))!))
      tensors.set(`optimizer/${key}/${name}`, flat(data))
  const entries = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const { optimizer: _, ...small } = state
  const metadata = { state: JSON.stringify(small) }
  const writer = await createSafetensorsWriter(join(folder, fileOf(state.step)), entries, { metadata })
  try {
    for (const [name, tensor] of tensors) await writer.write(name, tensor)
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
  for (const older of await steps(folder))
    if (older < state.step) await rm(join(folder, fileOf(older)), { force: true })
}

function flat(data: OptimizerState[string]): Tensor {
  const shape = [data.length]
  if (data instanceof Float32Array) return { dtype: 'f32', shape, data }
  return data instanceof Float64Array ? { dtype: 'f64', shape, data } : { dtype: 'u8', shape, data }
}

async function steps(folder: string): Promise<number[]> {
  const found = (await readdir(folder)).map(name => Number(pattern.exec(name)?.[1] ?? Number.NaN))
  return found.filter(step => !Number.isNaN(step)).sort((a, b) => a - b)
}

/** Whether a run can go on from what it left. */
export const hasCheckpoint = async (folder: string): Promise<boolean> => (await steps(folder)).length > 0

const stateSchema = z.object({
  step: z.int().min(1),
  stale: z.int().min(0),
  best: z.object({ step: z.int().min(0), loss: z.number() }).optional(),
  evaluated: z.int().min(0).optional(),
})

/**
 * Puts the values of the last checkpoint into `parameters` and `optimizer`.
 * @returns the state, or undefined when there is no checkpoint
 * @throws SinterError `recipe` when what is there belongs to other parameters
 */
export async function loadCheckpoint(
  folder: string,
  parameters: ReadonlyMap<string, TensorF32>,
  optimizer: OptimizerStore,
): Promise<TrainerState | undefined> {
  const last = (await steps(folder)).at(-1)
  if (last === undefined) return undefined
  const path = join(folder, fileOf(last))
  const source = await openSafetensors(path)
  try {
    for (const [name, parameter] of parameters) parameter.data.set(await parameterOf(source, name, parameter, path))
    for (const [name, keys] of optimizerKeys(source)) {
      const own: Record<string, OptimizerState[string]> = {}
      for (const key of keys) own[key] = (await source.read(`optimizer/${key}/${name}`)).data as Float32Array
      await optimizer.put(name, own)
    }
    const { best, evaluated, ...state } = stateSchema.parse(JSON.parse(source.metadata.state ?? 'null'))
    return { ...state, optimizer, ...(best && { best }), ...(evaluated !== undefined && { evaluated }) }
  } catch (cause) {
    if (!(cause instanceof z.ZodError || cause instanceof SyntaxError)) throw cause
    throw unusable(path, 'it does not say which step it is of', cause)
  } finally {
    await source.close()
  }
}

/** What is remembered of each parameter: names of arrays by its name. */
function optimizerKeys(source: SafetensorsSource): Map<string, string[]> {
  const keys = new Map<string, string[]>()
  for (const stored of source.names()) {
    const [, key, name] = /^optimizer\/([^/]*)\/(.*)$/.exec(stored) ?? []
    if (key !== undefined && name !== undefined) keys.set(name, [...(keys.get(name) ?? []), key])
  }
  return keys
}

async function parameterOf(
  source: SafetensorsSource,
  name: string,
  { shape }: TensorF32,
  path: string,
): Promise<Float32Array> {
  const stored = `parameter/${name}`
  const found = source.has(stored) ? source.info(stored) : undefined
  if (found?.dtype !== 'f32' || found.shape.join() !== shape.join())
    throw unusable(path, `${name} [${shape}] is ${found ? `${found.dtype} [${found.shape}]` : 'missing'} there`)
  return (await source.read(stored)).data as Float32Array
}

const unusable = (path: string, why: string, cause?: unknown): SinterError =>
  new SinterError('recipe', `${path} is no checkpoint of this run: ${why}; delete its folder to start over`, { cause })

/** What a checkpoint holds besides the optimizer's states: everything that a method changes from step to step. */
export const durableTensors = ({ parameters, state, stepInputs }: TrainSetup): Map<string, TensorF32> =>
  new Map([...parameters, ...(state ?? []), ...(stepInputs ?? [])])
