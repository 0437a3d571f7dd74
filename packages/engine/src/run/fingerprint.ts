import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Plan } from '../plan/plan.ts'

/** The version of what runs write: raised when the same plan would give other bytes. */
const RUN_VERSION = 1

/**
 * Identity of a run: what it reads (names, sizes and times of the model's files: hashing gigabytes would cost more than it
 * protects), the calibration tokens, and the resolved steps.
 */
export async function fingerprint(plan: Plan, ids: Int32Array): Promise<string> {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([RUN_VERSION, plan.output, plan.propagate, plan.transforms.map(describe)]))
  for (const row of plan.rows) hash.update(JSON.stringify([row.tensor, row.shape, row.action, row.steps.map(describe)]))
  for (const [name, size, time] of await modelFiles(plan.model.path)) hash.update(`${name}:${size}:${time};`)
  hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength))
  return hash.digest('hex')
}

const describe = (step: { method: { name: string }; options: unknown }) => [step.method.name, step.options]

/** Names, sizes and times of a model's files. */
export async function modelFiles(path: string): Promise<[string, number, number][]> {
  const folder = (await stat(path)).isDirectory() ? path : dirname(path)
  const found: [string, number, number][] = []
  for (const name of (await readdir(folder)).sort()) {
    const file = await stat(join(folder, name))
    if (file.isFile() && /\.(safetensors|gguf|json)$/.test(name)) found.push([name, file.size, file.mtimeMs])
  }
  return found
}
