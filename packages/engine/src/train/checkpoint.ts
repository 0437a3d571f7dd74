import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createSafetensorsWriter, openSafetensors, type OptimizerState, type TrainerState } from '@sinter/model'
import type { Tensor, TensorF32 } from '@sinter/tensor-core'

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
  for (const [name, own] of state.optimizer)
    for (const [key, data] of Object.entries(own)) tensors.set(`optimizer/${key}/${name}`, flat(data))
  const entries = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const { step, best, stale } = state
  const metadata = { state: JSON.stringify({ step, stale, ...(best && { best }) }) }
  const writer = await createSafetensorsWriter(join(folder, fileOf(step)), entries, { metadata })
  try {
    for (const [name, tensor] of tensors) await writer.write(name, tensor)
    await writer.commit()
  } catch (error) {
    await writer.abort()
    throw error
  }
  for (const older of await steps(folder)) if (older < step) await rm(join(folder, fileOf(older)), { force: true })
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

/** Puts the values of the last checkpoint into `parameters`. @returns the state, or undefined when there is no checkpoint */
export async function loadCheckpoint(
  folder: string,
  parameters: ReadonlyMap<string, TensorF32>,
): Promise<TrainerState | undefined> {
  const last = (await steps(folder)).at(-1)
  if (last === undefined) return undefined
  const source = await openSafetensors(join(folder, fileOf(last)))
  try {
    for (const [name, { data }] of parameters)
      data.set((await source.read(`parameter/${name}`)).data as Float32Array)
    const optimizer = new Map<string, Record<string, OptimizerState[string]>>()
    for (const stored of source.names()) {
      const found = /^optimizer\/([^/]*)\/(.*)$/.exec(stored)
      if (!found) continue
      const [, key, name] = found as unknown as [string, string, string]
      const own = optimizer.get(name) ?? {}
      own[key] = (await source.read(stored)).data as Float32Array
      optimizer.set(name, own)
    }
    const { step, stale, best } = JSON.parse(source.metadata.state!) as TrainerState
    return { step, stale, optimizer, ...(best && { best }) }
  } finally {
    await source.close()
  }
}
