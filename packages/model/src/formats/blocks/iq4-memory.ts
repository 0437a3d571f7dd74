import { needSimd } from './has-simd.ts'
import { iq4Kernels } from './iq4-kernel.ts'

/** Blocks of 32 values that are worked on together: what the kernels touch stays in the cache. */
export const batch = 128
/** Scales that are tried for a block. */
export const trials = 16

/** The kernels' memory, by what lies there. Values in blocks of 32. */
export interface Work {
  readonly values: Float32Array
  readonly importance: Float32Array
  readonly trialInverses: Float32Array
  /** Σ w·q·v and Σ w·q² of the trials, [blocks, 2, trials]. */
  readonly sums: Float32Array
  readonly scales: Float32Array
  readonly inverses: Float32Array
  readonly codes: Uint8Array
  /** Weights of errors for `count` blocks, of groups that share a mean square. */
  weigh(count: number, groupBlocks: number, weighed: boolean): void
  try(count: number): void
  /** From `inverses` to `codes`. */
  encode(count: number): void
}

/** Byte addresses, as multiples of the number of blocks. */
const places = {
  ...{ values: 0, weights: 128, importance: 256, trialInverses: 384, sums: 448, codes: 576 },
  ...{ squares: 592, energies: 596, inverses: 600, end: 604 },
}

export function createWork(): Work {
  needSimd()
  const at = (place: keyof typeof places): number => places[place] * batch
  const { kernels, memory } = iq4Kernels(at('end'))
  const floats = (place: keyof typeof places, perBlock: number): Float32Array =>
    new Float32Array(memory.buffer, at(place), perBlock * batch)
  const [squares, energies] = [floats('squares', 1), floats('energies', 1)]
  return {
    values: floats('values', 32),
    importance: floats('importance', 32),
    trialInverses: floats('trialInverses', trials),
    sums: floats('sums', 2 * trials),
    scales: new Float32Array(batch),
    inverses: floats('inverses', 1),
    codes: new Uint8Array(memory.buffer, at('codes'), 16 * batch),
    weigh(count, groupBlocks, weighed) {
      const end = 128 * count
      if (!weighed) return kernels.weights(0, at('weights'), end)
      kernels.squares(0, at('squares'), 128 * groupBlocks, end)
      for (let b = 0; b < count; b++) energies[b] = squares[Math.floor(b / groupBlocks)]! * (2 / (32 * groupBlocks))
      kernels.weightsOfImportance(0, at('weights'), at('importance'), at('energies'), end)
    },
    try: count => kernels.trials(0, at('weights'), at('trialInverses'), at('sums'), 128 * count),
    encode: count => kernels.codes(0, at('inverses'), at('codes'), 128 * count),
  }
}
