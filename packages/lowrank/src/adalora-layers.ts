import type { GradientMap, LowRankFactors, StoredLayer } from '@sinter/model'
import type { Rng, TensorF32 } from '@sinter/tensor-core'
import { type Importance, type ImportanceRates, updateImportance, zeroImportance } from './importance.ts'
import { loraA, loraB } from './lora.ts'
import { orthogonality } from './orthogonality.ts'

/** The adapter B diag(E) A of a layer, and what is remembered of it. */
export interface Triplets {
  /** f32 `[rank, in]` */
  readonly a: TensorF32
  /** The singular values, f32 `[rank]`. */
  readonly e: TensorF32
  /** f32 `[out, rank]` */
  readonly b: TensorF32
  readonly importance: { readonly a: Importance; readonly e: Importance; readonly b: Importance }
  /** 1 for a component that the last allocation kept, else 0. f32 `[rank]` */
  readonly kept: TensorF32
}

/** By stored name. */
export type TripletLayers = ReadonlyMap<string, Triplets>

export const loraE = (layer: string): string => `${layer}.lora_E`

/** A and B normal with deviation 0.02, E zero: the adapter starts as nothing. */
export function newTriplets(layers: readonly StoredLayer[], rank: number, rng: Rng): TripletLayers {
  const normal = (shape: readonly [number, number]): TensorF32 => {
    const data = Float32Array.from({ length: shape[0] * shape[1] }, () => 0.02 * rng.normal())
    return { dtype: 'f32', shape, data }
  }
  const each = (value: number): TensorF32 => ({ dtype: 'f32', shape: [rank], data: new Float32Array(rank).fill(value) })
  const made = layers.map(({ stored, shape: [out, width] }): [string, Triplets] => {
    const [a, e, b] = [normal([rank, width]), each(0), normal([out, rank])]
    const importance = { a: zeroImportance(a), e: zeroImportance(e), b: zeroImportance(b) }
    return [stored, { a, e, b, importance, kept: each(1) }]
  })
  return new Map(made)
}

/** What is trained, by stored name. */
export function tripletParameters(layers: TripletLayers): Map<string, TensorF32> {
  const parameters = new Map<string, TensorF32>()
  for (const [layer, { a, e, b }] of layers) parameters.set(loraA(layer), a).set(loraE(layer), e).set(loraB(layer), b)
  return parameters
}

/** What a checkpoint has to hold besides. */
export function tripletState(layers: TripletLayers): Map<string, TensorF32> {
  const state = new Map<string, TensorF32>()
  for (const [layer, { importance, kept }] of layers) {
    for (const [part, { sensitivity, uncertainty }] of Object.entries(importance))
      state.set(`${layer}.${part}.sensitivity`, sensitivity).set(`${layer}.${part}.uncertainty`, uncertainty)
    state.set(`${layer}.kept`, kept)
  }
  return state
}

/** `weight` times the mean norm by which rows of A and columns of B miss being orthonormal; its gradients are added. */
export function orthogonalityPenalty(layers: TripletLayers, weight: number, gradients: GradientMap): number {
  const factor = weight / (2 * layers.size)
  let sum = 0
  for (const [layer, { a, b }] of layers) {
    sum += orthogonality(a, { factor }, gradientOf(gradients, loraA(layer), a))
    sum += orthogonality(b, { columns: true, factor }, gradientOf(gradients, loraB(layer), b))
  }
  return factor * sum
}

function gradientOf(gradients: GradientMap, name: string, { data }: TensorF32): Float32Array {
  const gradient = gradients.get(name) ?? new Float32Array(data.length)
  gradients.set(name, gradient)
  return gradient
}

/** Takes a step into the averages of importance. */
export function noteImportance(layers: TripletLayers, gradients: GradientMap, rates: ImportanceRates): void {
  for (const [layer, { a, e, b, importance }] of layers) {
    updateImportance(importance.a, a.data, gradients.get(loraA(layer))!, rates)
    updateImportance(importance.e, e.data, gradients.get(loraE(layer))!, rates)
    updateImportance(importance.b, b.data, gradients.get(loraB(layer))!, rates)
  }
}

/** Sets the singular values of all other components to zero. */
export function keepOnly(layers: TripletLayers, chosen: ReadonlyMap<string, readonly boolean[]>): void {
  for (const [layer, { kept }] of layers) kept.data.set(chosen.get(layer)!.map(Number))
  holdKept(layers)
}

/** The same for those of the last allocation. */
export function holdKept(layers: TripletLayers): void {
  for (const { e, kept } of layers.values()) for (let i = 0; i < e.data.length; i++) e.data[i]! *= kept.data[i]!
}

/** The components that are not zero as an adapter: B with its singular values, and A. undefined when there is none. */
export function survivingFactors({ a, e, b }: Triplets, scale: number): LowRankFactors | undefined {
  const [rank, width] = a.shape as readonly [number, number]
  const out = b.shape[0]!
  const alive = Array.from(e.data.keys()).filter(i => e.data[i] !== 0)
  if (alive.length === 0) return undefined
  const rows = new Float32Array(alive.length * width)
  for (const [to, from] of alive.entries()) rows.set(a.data.subarray(from * width, (from + 1) * width), to * width)
  const columns = Float32Array.from({ length: out * alive.length }, (_, i) => {
    const from = alive[i % alive.length]!
    return b.data[Math.floor(i / alive.length) * rank + from]! * e.data[from]!
  })
  return {
    a: { dtype: 'f32', shape: [alive.length, width], data: rows },
    b: { dtype: 'f32', shape: [out, alive.length], data: columns },
    scale,
  }
}
