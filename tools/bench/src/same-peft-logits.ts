/**
 * Opens adapters that we wrote in Python PEFT and compares the logits with ours, both in f32; then reads what PEFT saves of them.
 *
 *   node --conditions=@sinter/source tools/bench/src/same-peft-logits.ts --model DIR --venv DIR [--adapter DIR] [--tokens 64]
 *
 * Without --adapter it writes random ones: the same rank everywhere, and ranks and factors that differ from layer to layer.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { mergeLora, readPeft, writePeft } from '@sinter/lowrank'
import {
  decodeSafetensors,
  encodeSafetensors,
  type LowRankFactors,
  logits,
  type Model,
  openModel,
  overlay,
  type StoredLayer,
  storedLayers,
} from '@sinter/model'
import { createRng, ortNodeBackend, type Tensor, type TensorF32, toF32 } from '@sinter/tensor-core'

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    venv: { type: 'string' },
    adapter: { type: 'string' },
    tokens: { type: 'string', default: '64' },
  },
})
const { model: path, venv, adapter } = values
if (!path || !venv) throw new Error('give --model DIR and --venv DIR')

const folder = await mkdtemp(join(tmpdir(), 'sinter-peft-'))
const model = await openModel(path)
const count = Number(values.tokens)
const rng = createRng('tokens')
const data = Int32Array.from({ length: count }, () => rng.integer(model.config.vocabSize))
const ids: Tensor = { dtype: 'i32', shape: [1, count], data }
await writeFile(join(folder, 'tokens'), encodeSafetensors(new Map([['input_ids', ids]])))

const folders: [string, string][] = adapter ? [['given', adapter]] : await writeRandom()
for (const [name, at] of folders)
  console.log(JSON.stringify({ model: path, adapter: name, ...(await compare(name, at)) }))
await model.close()
await rm(folder, { recursive: true, force: true })

async function writeRandom(): Promise<[string, string][]> {
  const kinds: [string, (layer: StoredLayer, index: number) => { rank: number; scale: number } | undefined][] = [
    ['same rank', () => ({ rank: 8, scale: 2 })],
    ['ranks differ', (_, i) => (i % 5 === 4 ? undefined : { rank: 1 + (i % 4), scale: [0.5, 1.5, 2][i % 3]! })],
  ]
  const written: [string, string][] = []
  for (const [name, kind] of kinds) {
    const factors = new Map<string, LowRankFactors>()
    for (const [i, layer] of storedLayers(model).entries()) {
      const chosen = kind(layer, i)
      if (chosen) factors.set(layer.stored, randomFactors(layer, chosen.rank, chosen.scale))
    }
    await writePeft(join(folder, name), model, factors)
    written.push([name, join(folder, name)])
  }
  return written
}

function randomFactors({ stored, shape: [out, width] }: StoredLayer, rank: number, scale: number): LowRankFactors {
  const own = createRng(stored)
  const normal = (shape: readonly [number, number], size: number): TensorF32 => {
    const data = Float32Array.from({ length: shape[0] * shape[1] }, () => size * own.normal())
    return { dtype: 'f32', shape, data }
  }
  return { a: normal([rank, width], 1 / Math.sqrt(width)), b: normal([out, rank], 0.1), scale }
}

async function compare(name: string, at: string): Promise<Record<string, number | boolean>> {
  const factors = await readPeft(at, model)
  const [out, saved] = [join(folder, `${name}.out`), join(folder, `${name}.saved`)]
  const script = join(import.meta.dirname, '../peers/peft-logits.py')
  const args = [script, path!, at, join(folder, 'tokens'), out, saved]
  execFileSync(join(venv!, 'bin/python'), args, { stdio: 'inherit' })
  const { tensors } = decodeSafetensors(await readFile(out), out)
  const [theirs, plain] = [tensors.get('logits')!.data as Float32Array, tensors.get('plain')!.data as Float32Array]
  const ours = await mergedLogits(model, factors)
  return {
    layers: factors.size,
    logits: ours.length,
    largestDifference: largest(ours, theirs),
    largestLogit: theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    whatTheAdapterDoes: largest(plain, theirs),
    savedByPeftReadsTheSame: same(factors, await readPeft(saved, model)),
  }
}

async function mergedLogits(of: Model, factors: ReadonlyMap<string, LowRankFactors>): Promise<Float32Array> {
  const merged = new Map<string, TensorF32>()
  for (const { stored, name } of storedLayers(of)) {
    const own = factors.get(stored)
    if (!own) continue
    // Turned into [out, in], where the checkpoint has it the other way round, and back.
    const turn = (tensor: TensorF32) => of.storedForm(`${name}.weight`, tensor)
    merged.set(`${stored}.weight`, turn(mergeLora(turn(toF32(await of.source.read(`${stored}.weight`))), own)))
  }
  const backend = ortNodeBackend({ threads: 1 })
  const result = (await logits(of.over(overlay(of.source, merged)), backend, ids)).get('logits')!
  await backend.close()
  return result.data as Float32Array
}

function largest(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
}

function same(a: ReadonlyMap<string, LowRankFactors>, b: ReadonlyMap<string, LowRankFactors>): boolean {
  const equal = (x: TensorF32, y: TensorF32) => x.data.every((value, i) => value === y.data[i])
  return (
    a.size === b.size &&
    [...a].every(([name, f]) => {
      const other = b.get(name)
      return other !== undefined && equal(f.a, other.a) && equal(f.b, other.b) && Math.abs(f.scale - other.scale) < 1e-9
    })
  )
}
