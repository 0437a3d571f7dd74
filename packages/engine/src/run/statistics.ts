import type { Statistic, Statistics } from '@sinter/model'
import {
  type Argument,
  abs,
  type Backend,
  freeBuffer,
  matmul,
  mul,
  type Node,
  type Resident,
  reduceMax,
  reduceSum,
  reshape,
  slice,
  type Tensor,
  zeros,
} from '@sinter/tensor-core'

/**
 * Rows of a Gram that one product makes. The matrix is symmetric: only tiles on and right of the diagonal are computed,
 * which at 192 saves 44 % of a 1,536-wide one and keeps the products large enough to run at full rate.
 */
const GRAM_TILE = 192

/** Statistics of one group's input as outputs of a stage's graph, summed over batches by the backend. */
export class StatisticsCollector {
  readonly #width: number
  readonly #needs: ReadonlySet<Statistic>
  readonly #sums = new Map<string, Resident>()
  #max: Float64Array | undefined
  #tokens = 0
  #sequences = 0

  constructor(width: number, needs: Iterable<Statistic>) {
    this.#width = width
    this.#needs = new Set(needs)
  }

  /** Graph outputs to add; names start with `prefix`. */
  outputs(x: Node, prefix: string): Record<string, Node> {
    const out: Record<string, Node> = {}
    if (this.#needs.has('gram')) Object.assign(out, gramTiles(x, this.#width, `${prefix}.gram`))
    else if (this.#needs.has('sumSquares')) out[`${prefix}.sumSquares`] = reduceSum(mul(x, x), [0, 1])
    if (this.#needs.has('sumAbs')) out[`${prefix}.sumAbs`] = reduceSum(abs(x), [0, 1])
    if (this.#needs.has('maxAbs')) out[`${prefix}.maxAbs`] = reduceMax(abs(x), [0, 1])
    return out
  }

  /** The sums that a run adds the outputs to. */
  async accumulators(backend: Backend, prefix: string): Promise<Record<string, Resident>> {
    if (this.#sums.size === 0)
      for (const [name, shape] of this.#shapes(prefix))
        this.#sums.set(name, await backend.upload(zeros('f64', shape), { move: true }))
    return Object.fromEntries(this.#sums)
  }

  /** Takes what a run over `[sequences, tokens]` returned. */
  observe(results: Readonly<Record<string, Argument>>, prefix: string, sequences: number, tokens: number): void {
    this.#tokens += sequences * tokens
    this.#sequences += sequences
    const max = results[`${prefix}.maxAbs`] as Tensor | undefined
    if (!max) return
    this.#max ??= new Float64Array(this.#width)
    for (let i = 0; i < this.#width; i++) this.#max[i] = Math.max(this.#max[i]!, Number(max.data[i]))
  }

  async finish(): Promise<Statistics> {
    const read = new Map<string, Float64Array>()
    for (const [name, sum] of this.#sums) read.set(name, (await sum.take()).data as Float64Array)
    this.#sums.clear()
    const find = (kind: string) => [...read].find(([name]) => name.endsWith(`.${kind}`))?.[1]
    const gram = this.#needs.has('gram') ? assembleGram(read, this.#width) : undefined
    const sumSquares = gram ? diagonal(gram, this.#width) : find('sumSquares')
    const sumAbs = find('sumAbs')
    return {
      tokens: this.#tokens,
      sequences: this.#sequences,
      ...(gram && { gram }),
      ...(sumSquares && { sumSquares }),
      ...(sumAbs && { sumAbs }),
      ...(this.#max && { maxAbs: this.#max }),
    }
  }

  release(): void {
    for (const sum of this.#sums.values()) sum.release()
    this.#sums.clear()
  }

  #shapes(prefix: string): [string, number[]][] {
    const shapes: [string, number[]][] = []
    if (this.#needs.has('gram'))
      for (const start of tileStarts(this.#width))
        shapes.push([`${prefix}.gram.${start}`, [Math.min(GRAM_TILE, this.#width - start), this.#width - start]])
    else if (this.#needs.has('sumSquares')) shapes.push([`${prefix}.sumSquares`, [1, 1, this.#width]])
    if (this.#needs.has('sumAbs')) shapes.push([`${prefix}.sumAbs`, [1, 1, this.#width]])
    return shapes
  }
}

function tileStarts(width: number): number[] {
  return Array.from({ length: Math.ceil(width / GRAM_TILE) }, (_, i) => i * GRAM_TILE)
}

/** Σ x xᵀ of x `[batch, tokens, width]` as row tiles, each from its diagonal to the right edge. */
function gramTiles(x: Node, width: number, prefix: string): Record<string, Node> {
  const flat = reshape(x, ['batch*tokens', width])
  return Object.fromEntries(
    tileStarts(width).map(start => {
      const end = Math.min(start + GRAM_TILE, width)
      const rows = start === 0 && end === width ? flat : slice(flat, 1, start, end)
      const rest = start === 0 ? flat : slice(flat, 1, start, width)
      return [`${prefix}.${start}`, matmul(rows, rest, { transA: true })]
    }),
  )
}

function assembleGram(tiles: ReadonlyMap<string, Float64Array>, width: number): Float64Array {
  const gram = new Float64Array(width * width)
  for (const [name, tile] of tiles) {
    const match = /\.gram\.(\d+)$/.exec(name)
    if (!match) continue
    const start = Number(match[1])
    const cols = width - start
    for (let i = 0; i < tile.length / cols; i++)
      for (let j = i; j < cols; j++) {
        const value = tile[i * cols + j]!
        gram[(start + i) * width + start + j] = value
        gram[(start + j) * width + start + i] = value
      }
    freeBuffer(tile)
  }
  return gram
}

function diagonal(gram: Float64Array, width: number): Float64Array {
  return Float64Array.from({ length: width }, (_, i) => gram[i * width + i]!)
}
