import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createModel, type Model, openModel } from '@sinter/model'
import { type Golden, readGolden } from '@sinter/model/testing'
import type { Tensor } from '@sinter/tensor-core'
import { test } from 'vitest'

/** Tiny checkpoints with recorded results; some lie beside this test, all of them in the collection beside the repository. */
const names = [
  'gemma2-softcap',
  'gemma3-linear-global',
  'gpt2',
  'gpt2-hub-names',
  'gpt_neox-parallel',
  'granite',
  'llama-bf16',
  'llama-f16',
  'llama-gqa',
  'llama-mqa-headdim-bias',
  'llama-rope-dynamic',
  'llama-rope-linear',
  'llama-rope-llama3',
  'llama-rope-yarn',
  'llama-sharded',
  'llama-tied-copy',
  'mistral-sliding',
  'olmo2',
  'opt-350m-style',
  'opt-pre',
  'phi3-longrope-long',
  'phi3-sliding-partial',
  'qwen2-sliding',
  'qwen2-tied',
  'qwen3-tied',
  'smollm3-nope',
] as const

export type FolderName = (typeof names)[number]

const places = ['../fixtures/families/', '../../../../../shared/golden/families/']

const find = (name: string): string | undefined =>
  places
    .map(place => fileURLToPath(new URL(`${place}${name}`, import.meta.url)))
    .find(path => existsSync(`${path}/meta.json`))

/** A folder that lies beside the tests. */
export const folderPath = (name: FolderName): string => find(name)!

/** The folders that this machine has. */
export const folders: readonly FolderName[] = names.filter(name => find(name))

/** A passing test that says which folders were left out, if any were. */
export function tellLeftOut(): void {
  const missing = names.filter(name => !find(name))
  if (missing.length === 0) return
  const what = `${missing.length} of ${names.length} recorded checkpoints are not here: ${missing.join(', ')}`
  test(`left out: ${what}`, () => console.warn(what))
}

export interface Folder {
  readonly model: Model
  readonly expected: Golden
  readonly atol: number
}

/** Opens a folder for the time of `body`. */
export async function withFolder<T>(name: FolderName, body: (folder: Folder) => Promise<T>): Promise<T> {
  const path = folderPath(name)
  const model = await openModel(path)
  const { suggested_atol_logits: atol } = readJson(`${path}/meta.json`) as { suggested_atol_logits: number }
  try {
    return await body({ model, atol, expected: readGolden(`${path}/expected.safetensors`) })
  } finally {
    await model.close()
  }
}

export const readJson = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>

/** The same checkpoint under another configuration. The caller closes `model`, not the result. */
export const reconfigured = (model: Model, name: FolderName, change: Readonly<Record<string, unknown>>): Model =>
  createModel({
    config: { ...readJson(`${folderPath(name)}/config.json`), ...change },
    source: model.source,
    path: model.path,
  })

/** Largest absolute difference. @throws when the shapes differ */
export function maxDifference(a: Tensor, b: Tensor): number {
  if (a.shape.join() !== b.shape.join()) throw new Error(`shapes [${a.shape}] and [${b.shape}] differ`)
  let worst = 0
  for (let i = 0; i < a.data.length; i++) {
    const difference = Math.abs(Number(a.data[i]) - Number(b.data[i]))
    if (!(difference <= worst)) worst = difference
  }
  return worst
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const item of items) out.push(item)
  return out
}
