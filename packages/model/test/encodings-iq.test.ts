import { createRng } from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { DecodeBlock, EncodeBlock } from '../src/formats/blocks/block-32.ts'
import { decodeMXFP4, decodeNVFP4, encodeMXFP4, encodeNVFP4 } from '../src/formats/blocks/float-4.ts'
import {
  type Grid,
  gridIQ1,
  gridIQ2_S,
  gridIQ2_XS,
  gridIQ2_XXS,
  gridIQ3_S,
  gridIQ3_XXS,
} from '../src/formats/blocks/iq-grids.ts'
import { findNeighbours } from '../src/formats/blocks/iq-neighbours.ts'
import { decodeIQ4_NL, decodeIQ4_XS } from '../src/formats/blocks/iq4.ts'
import type { levelDecoders } from '../src/formats/blocks/level-layouts.ts'
import {
  decodeQ1_0,
  decodeQ2_0,
  decodeTQ1_0,
  decodeTQ2_0,
  encodeQ1_0,
  encodeQ2_0,
  encodeTQ1_0,
  encodeTQ2_0,
} from '../src/formats/blocks/ternary.ts'
import { decodeValues, encodeValues, encodingNamed, encodings } from '../src/formats/encodings.ts'

const gaussian = (count: number, seed: number): Float32Array => {
  const rng = createRng(seed)
  return Float32Array.from({ length: count }, () => 0.05 * rng.normal())
}

describe('importance', () => {
  const named = (importance: string): string[] =>
    encodings.filter(e => e.encode && !e.dtype && e.importance === importance).map(e => e.name)

  it('some encodings do nothing with it, some cannot do without', () => {
    expect(named('ignored')).toEqual(['Q8_0', 'TQ1_0', 'TQ2_0', 'MXFP4', 'NVFP4', 'Q1_0', 'Q2_0'])
    expect(named('required')).toEqual(['IQ2_XXS', 'IQ2_XS', 'IQ1_S'])
  })

  it.each(encodings.filter(({ importance, encode }) => encode && importance === 'required'))(
    '$name says that it is missing',
    encoding =>
      expect(() => encodeValues(encoding, new Float32Array(256))).toThrow(
        `${encoding.name} is encoded with the importance of every column, and there is none: give an importance matrix`,
      ),
  )

  it('there is one for each column', () =>
    expect(() => encodeValues(encodingNamed('IQ4_NL'), new Float32Array(64), 64, new Float32Array(32))).toThrow(
      'IQ4_NL: 64 columns need as many importances, got 32',
    ))
})

it.each(encodings.filter(({ name }) => name.startsWith('IQ')))(
  '$name: a row is encoded the same alone as among others',
  encoding => {
    const [width, rows] = [512, 20]
    const importance = gaussian(width, 5).map(v => v * v)
    const values = gaussian(width * rows, 6)
    const together = encodeValues(encoding, values, width, importance)
    const bytes = together.length / rows
    for (let row = 0; row < rows; row++) {
      const alone = encodeValues(encoding, values.subarray(row * width, (row + 1) * width), width, importance)
      expect(alone).toEqual(together.subarray(row * bytes, (row + 1) * bytes))
    }
  },
)

it.each(['IQ1_S', 'IQ1_M', 'IQ2_XXS', 'IQ2_XS', 'IQ2_S', 'IQ3_XXS', 'IQ3_S'])('%s refuses what is not finite', name => {
  const encoding = encodingNamed(name)
  const ones = new Float32Array(256).fill(1)
  for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const values = gaussian(256, 7)
    values[100] = wrong
    expect(() => encodeValues(encoding, values, 256, ones)).toThrow('expected finite values and importances')
  }
  expect(encodeValues(encoding, gaussian(256, 7), 256, ones).length).toBe(encoding.blockBytes)
})

it('IQ3_S leaves no room for sub-blocks of zeros, as ggml does: what follows one is read in its place', () => {
  const encoding = encodingNamed('IQ3_S')
  const values = gaussian(256, 8)
  const whole = encodeValues(encoding, values)
  const gap = values.slice().fill(0, 0, 32)
  const bytes = encodeValues(encoding, gap)
  expect(bytes.subarray(2, 2 + 56)).toEqual(whole.subarray(2 + 8, 2 + 64))
})

it('MXFP4: a float next below a power of two is taken for it, where a 32-bit logarithm cannot tell them apart', () => {
  const scaleOf = (exponent: number, below: number): number =>
    encodeValues(encodingNamed('MXFP4'), new Float32Array(32).fill(2 ** exponent * (1 - below * 2 ** -24)))[0]!
  // Recorded from ggml.
  const steps = [1, 2, 8, 40, 88, 100]
  expect(steps.map(below => scaleOf(5, below))).toEqual([130, 130, 129, 129, 129, 129])
  expect(steps.map(below => scaleOf(20, below))).toEqual([145, 145, 145, 144, 144, 144])
  expect(steps.map(below => scaleOf(100, below))).toEqual([225, 225, 225, 225, 224, 224])
})

describe('codebooks', () => {
  const grids: readonly (readonly [string, () => Grid, number])[] = [
    ['IQ2_XXS', gridIQ2_XXS, 256],
    ['IQ2_XS', gridIQ2_XS, 512],
    ['IQ2_S', gridIQ2_S, 1024],
    ['IQ1', gridIQ1, 2048],
    ['IQ3_XXS', gridIQ3_XXS, 256],
    ['IQ3_S', gridIQ3_S, 512],
  ]

  it.each(grids)('%s has its points in the order of their cells', (_, grid, points) => {
    const { cells, levels, dim, base } = grid()
    expect(cells.length).toBe(points)
    const again = Array.from(cells, (_, p) => levels.subarray(p * dim, (p + 1) * dim)).map(point =>
      point.reduceRight((cell, level) => cell * base + level, 0),
    )
    expect([...cells]).toEqual(again)
    expect([...cells]).toEqual([...cells].toSorted((a, b) => a - b))
  })

  it.each(grids)('%s: a cell that is no point has the nearest ones as neighbours, by distance and index', (_, grid) => {
    const { cells, levels, dim, base } = grid()
    const neighbours = findNeighbours(grid(), 2)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: base ** dim - 1 }), cell => {
        const own = Array.from({ length: dim }, (_, i) => Math.floor(cell / base ** i) % base)
        const distance = (p: number): number =>
          own.reduce((sum, level, i) => sum + (level - levels[p * dim + i]!) ** 2, 0)
        const all = Array.from(cells, (_, p) => distance(p))
        const [first, second] = [...new Set(all)].sort((a, b) => a - b) as [number, number]
        const expected = all
          .flatMap((d, p) => (d === first ? p : []))
          .concat(all.flatMap((d, p) => (d === second ? p : [])))
        const list = [...neighbours.list.subarray(neighbours.start[cell], neighbours.start[cell + 1])]
        if (first === 0) expect([neighbours.point[cell], list]).toEqual([all.indexOf(0), []])
        else expect([neighbours.point[cell], list]).toEqual([-1, expected])
      }),
    )
  })
})

it.each(['TQ1_0', 'TQ2_0'])('%s keeps ternary values exactly', name => {
  const rng = createRng(3)
  const values = Float32Array.from({ length: 512 }, () => 0.75 * (rng.integer(3) - 1))
  const encoding = encodingNamed(name)
  expect(decodeValues(encoding, encodeValues(encoding, values), 512)).toEqual(values.map(v => v + 0))
})

describe('kernels and plain code give the same', () => {
  const plain: Readonly<
    Record<keyof typeof levelDecoders, { readonly decode: DecodeBlock; readonly encode?: EncodeBlock }>
  > = {
    IQ4_NL: { decode: decodeIQ4_NL },
    IQ4_XS: { decode: decodeIQ4_XS },
    MXFP4: { decode: decodeMXFP4, encode: encodeMXFP4 },
    NVFP4: { decode: decodeNVFP4, encode: encodeNVFP4 },
    TQ1_0: { decode: decodeTQ1_0, encode: encodeTQ1_0 },
    TQ2_0: { decode: decodeTQ2_0, encode: encodeTQ2_0 },
    Q1_0: { decode: decodeQ1_0, encode: encodeQ1_0 },
    Q2_0: { decode: decodeQ2_0, encode: encodeQ2_0 },
  }
  const names = Object.keys(plain) as (keyof typeof plain)[]
  /** More than a kernel takes at once, and no multiple of it. */
  const count = 256 * 37

  it.each(names)('%s: any bytes', name => {
    const { blockSize, blockBytes, decode } = encodingNamed(name)
    const rng = createRng(name)
    const bytes = Uint8Array.from({ length: (count / blockSize) * blockBytes }, () => rng.integer(256))
    const [ours, expected] = [new Float32Array(count), new Float32Array(count)]
    decode(bytes, ours)
    for (let b = 0; b < count / blockSize; b++) plain[name].decode(bytes, b * blockBytes, expected, b * blockSize)
    expect([...ours.keys()].filter(i => !Object.is(ours[i], expected[i]))).toEqual([])
  })

  /** Ordinary rows; then zeros, denormals, magnitudes of all sizes, infinities and NaN among them. */
  const rough: readonly (readonly [string, (i: number, normal: number) => number])[] = [
    ['ordinary', (_, normal) => 0.1 * normal],
    ['ties', i => Math.round(i % 27) / 4 - 3],
    ['zeros', (i, normal) => (i % 512 < 300 ? (i % 2 ? 0 : -0) : normal)],
    ['all sizes', (i, normal) => normal * 2 ** (((i >> 6) % 250) - 130)],
    ['not finite', (i, normal) => (i % 700 === 3 ? Number.NaN : i % 900 === 5 ? Number.NEGATIVE_INFINITY : normal)],
  ]
  const encoded = names.filter(name => plain[name].encode)
  it.each(encoded.flatMap(name => rough.map(row => [name, ...row] as const)))('%s: %s values', (name, _, value) => {
    const encoding = encodingNamed(name)
    const { blockSize, blockBytes } = encoding
    const rng = createRng(9)
    const values = Float32Array.from({ length: count }, (_, i) => value(i, rng.normal()))
    const expected = new Uint8Array((count / blockSize) * blockBytes)
    for (let b = 0; b < count / blockSize; b++) plain[name].encode!(values, b * blockSize, expected, b * blockBytes)
    expect(Buffer.compare(encodeValues(encoding, values), expected)).toBe(0)
  })
})
