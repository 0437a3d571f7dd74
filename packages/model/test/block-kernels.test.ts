import { createRng } from '@sinter/tensor-core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainBlocks } from '../src/formats/blocks/blocks-32.ts'
import { decoders, plainDecoder } from '../src/formats/blocks/decoders.ts'
import { createEncoders, type Encoders, encoders } from '../src/formats/blocks/encoders.ts'
import { type Decoded, layouts } from '../src/formats/blocks/expand-simd.ts'
import { hasSimd } from '../src/formats/blocks/has-simd.ts'
import { plainFitter } from '../src/formats/blocks/plain-fitter.ts'

const plain = createEncoders(() => plainFitter, plainBlocks)
const names = Object.keys(layouts) as Decoded[]

/** Values whose blocks and magnitudes differ widely, zeros and equal values among them. */
function roughRows(seed: number, count: number): Float32Array {
  const rng = createRng(seed)
  const sizes = [0, 1, 1, 1, 30, 1e-6, 1e-20, 1e-39, 1e6]
  const values = new Float32Array(count)
  for (let from = 0; from < count; from += 16) {
    const size = sizes[rng.integer(sizes.length)]!
    const next = [
      () => rng.normal(),
      () => rng.uniform(),
      () => (rng.uniform() < 0.1 ? 9 : 0.1) * rng.normal(),
      () => 1,
    ]
    const make = next[rng.integer(next.length)]!
    for (let i = from; i < from + 16; i++) values[i] = size * make()
  }
  return values
}

/** A third of the columns have none. */
function someImportance(seed: number, count: number): Float32Array {
  const rng = createRng(`importance ${seed}`)
  return Float32Array.from({ length: count }, () => (rng.integer(3) === 0 ? 0 : rng.normal() ** 4))
}

const bytesFor = (name: Decoded, count: number): Uint8Array =>
  new Uint8Array((count / layouts[name].blockSize) * layouts[name].blockBytes)

function encoded(by: Encoders, name: Decoded, values: Float32Array, width: number, importance?: Float32Array): Buffer {
  const out = bytesFor(name, values.length)
  by[name](values, out, width, importance)
  return Buffer.from(out)
}

describe('kernels give the bytes of the plain code', () => {
  it('runs kernels at all', () => expect(hasSimd()).toBe(true))

  it.each(names)('%s, with and without importance, rows of several lengths', name => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        (seed, blocks, rows) => {
          const width = blocks * layouts[name].blockSize
          const values = roughRows(seed, rows * width)
          const importance = someImportance(seed, width)
          const same = (given?: Float32Array): boolean =>
            encoded(encoders, name, values, width, given).equals(encoded(plain, name, values, width, given))
          return same() && same(importance)
        },
      ),
      { numRuns: 40 },
    )
  })

  it.each(names)('%s, more values than a kernel takes at once', name => {
    const width = 256 * 3
    const values = roughRows(5, 14 * width)
    const importance = someImportance(6, width)
    for (const given of [undefined, importance])
      expect(encoded(encoders, name, values, width, given)).toEqual(encoded(plain, name, values, width, given))
  })

  it.each(names)('%s decodes any bytes to the same bits', name => {
    const rng = createRng(name)
    const count = 256 * 37
    const bytes = bytesFor(name, count).map(() => rng.integer(256))
    const [ours, expected] = [new Float32Array(count), new Float32Array(count)]
    decoders[name](bytes, ours)
    plainDecoder(name)(bytes, expected)
    expect([...ours.keys()].filter(i => !Object.is(ours[i], expected[i]))).toEqual([])
  })
})
