import { decodeValues, type Encoding, encodeValues, encodingNamed, encodings } from '@sinter/model'
import { createRng } from '@sinter/tensor-core'
import { describe, expect, it } from 'vitest'
import { compareSlice, newTally, wrongBits } from '../src/compare.ts'
import { type Ggml, loadGgml } from '../src/oracle.ts'
import { randomSlice } from '../src/random-rows.ts'

/** What ggml has blocks for; plain numbers are compared elsewhere. */
const blocks = encodings.filter(({ dtype }) => !dtype)
/** At the limits ggml does not find its codebooks' neighbours, and aborts the process. */
const robust = blocks.filter(({ name, encode }) => encode && !/^IQ[123]/.test(name))
const ggml = load()

function load(): Ggml | undefined {
  try {
    return loadGgml()
  } catch (error) {
    console.warn(`not compared with ggml, whose library does not load here: ${(error as Error).message}`)
    return undefined
  }
}

/** Rows of 256 values at which the arithmetic of a search is at its limits. */
const edges: Readonly<Record<string, (i: number) => number>> = {
  zeros: () => 0,
  'negative zeros': () => -0,
  constants: () => 0.5,
  'negative constants': () => -3.25,
  alternating: i => (i % 2 ? -0.75 : 0.75),
  'equal magnitudes, a block with each sign first': i => ((i + (i >> 5)) % 2 ? -1 : 1) * (i % 3 === 0 ? 2 : 1),
  'one value': i => (i === 77 ? 1 : 0),
  'one negative value': i => (i === 200 ? -1e-3 : 0),
  ramp: i => i - 128,
  denormals: i => (i - 100) * 2 ** -149,
  'the least denormal': i => (i % 7 === 0 ? 2 ** -149 : 0),
  'where a scale counts as zero': i => 1e-15 * (1 + (i % 5) * 2 ** -22 - 2 ** -21),
  'beyond the halves': i => 1e6 * Math.sin(i),
  'squares that overflow': i => 1e25 * Math.cos(3 * i),
  'the largest finite value': i => (i % 3 === 0 ? 3.4028234663852886e38 : -3.4028234663852886e38),
  'the largest beside the least': i => (i % 2 ? 3.4e38 : 1e-45),
  'a large offset': i => -1e7 + (i % 9),
  'a small spread below zero': i => -1 - (i % 4) * 2 ** -23,
  'one outlier a sub-block': i => (i % 16 === 3 ? 50 : Math.sin(i) / 100),
}

describe.skipIf(!ggml)('the same as ggml', () => {
  it.each(blocks)(
    '$name: rows of six distributions, with and without importance',
    encoding => {
      const tally = newTally()
      compareSlice(ggml!, encoding, randomSlice(1, 20), tally)
      expect(tally).toEqual({ rows: 120, encode: 0, weighted: 0, decode: 0 })
      // ggml looks for the neighbours of a codebook's points before its first row.
    },
    300_000,
  )

  it.each(robust)('$name: values at the limits', encoding => {
    const names = Object.keys(edges)
    expect(names.filter(name => !sameEdge(encoding, edges[name]!))).toEqual([])
  })

  it('Q5_K: a row for which the search with importance finds a negative scale', () => {
    const { rows, importance, width } = randomSlice(218)
    const values = rows.find(({ distribution }) => distribution === 'outliers')!.values.subarray(165 * 256, 166 * 256)
    const theirs = importance.subarray((165 * 256) % width, ((165 * 256) % width) + 256)
    const expected = ggml!.encode(13, values, 256, theirs)
    expect(Buffer.from(encodeValues(encodingNamed('Q5_K'), values, 256, theirs)).equals(expected)).toBe(true)
  })

  it.each(blocks)('$name: bytes that no encoder made', encoding => {
    const rng = createRng(encoding.name)
    const bytes = Uint8Array.from({ length: (51200 / encoding.blockSize) * encoding.blockBytes }, () =>
      rng.integer(256),
    )
    expect(wrongBits(ggml!, encoding, bytes, 51200)).toEqual([])
  })
})

/** Bytes with and without importance (among it none at all), and the values they stand for. */
function sameEdge(encoding: Encoding, value: (i: number) => number): boolean {
  const type = encoding.ggmlType
  const values = Float32Array.from({ length: 512 }, (_, i) => value(i))
  const importances = [undefined, (i: number) => (i * 7) % 5, () => 0, (i: number) => (i % 64 === 5 ? 1 : 0)]
  return importances.every(of => {
    const importance = of && Float32Array.from({ length: 512 }, (_, i) => of(i))
    if (!importance && ggml!.needsImportance(type)) return true
    const expected = ggml!.encode(type, values, 512, importance)
    const same = Buffer.compare(expected, encodeValues(encoding, values, 512, importance)) === 0
    return same && wrongBits(ggml!, encoding, expected, 512).length === 0
  })
}

it('a decoder takes exactly the bytes of its values', () => {
  for (const encoding of blocks)
    expect(() => decodeValues(encoding, new Uint8Array(encoding.blockBytes + 1), encoding.blockSize)).toThrow(
      `${encoding.name}: ${encoding.blockSize} values take ${encoding.blockBytes} bytes, got ${encoding.blockBytes + 1}`,
    )
})
