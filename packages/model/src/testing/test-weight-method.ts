import {
  decodeWeight,
  defaultCompute,
  encodeWeight,
  freeBuffer,
  type TensorF32,
  totalBits,
  type Weight,
} from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { MethodContext, Note, Statistics, WeightMethod } from '../method.ts'
import { applyBaseline, type Baseline } from './baselines.ts'
import { layerError, layerFixture, pick } from './fixture.ts'

export interface WeightMethodCase {
  readonly name: string
  /** As a recipe has them; defaults are filled in by the method's schema. */
  readonly options: Readonly<Record<string, unknown>>
  /** The layer error must not be above this one's. */
  readonly baseline: Baseline
}

type Layers = ReadonlyMap<string, TensorF32>

/**
 * The suite that every weight method passes: deterministic; no worse than its baseline; what is stored decodes to the same
 * values; bits as declared; inputs left alone; damaged weights refused; odd shapes and dead inputs survived.
 */
export function testWeightMethod<Options>(method: WeightMethod<Options>, cases: readonly WeightMethodCase[]): void {
  describe(`weight method ${method.name}`, () => {
    testSchema(method)
    for (const { name, options, baseline } of cases)
      describe(name, () => {
        const parsed = method.options.parse(options)
        const run = (layers: Layers, statistics: Statistics, notes: Note[] = []) =>
          method.compress(layers, pick(statistics, method.needs(parsed)), parsed, contextFor(notes))
        testQuality(run, baseline)
        testStorage(run, shape => method.bitsPerWeight(shape, parsed))
        testRefusals(
          run,
          method.needs(parsed).length > 0 && (layers => method.compress(layers, none, parsed, contextFor())),
        )
      })
  })
}

type Run = (layers: Layers, statistics: Statistics, notes?: Note[]) => Promise<ReadonlyMap<string, Weight>>

const none: Statistics = { tokens: 0, sequences: 0 }
const contextFor = (notes: Note[] = []): MethodContext => ({
  compute: defaultCompute(),
  name: 'block 3',
  note: note => void notes.push(note),
})

function testSchema<Options>(method: WeightMethod<Options>): void {
  test('options: defaults are complete, each is described, unknown ones are refused', () => {
    expect(() => method.options.parse({})).not.toThrow()
    expect(() => method.options.parse({ noSuchOption: 1 })).toThrow(/noSuchOption/)
    const schema = z.toJSONSchema(method.options, { io: 'input' })
    for (const [name, option] of Object.entries(schema.properties ?? {}))
      expect((option as { description?: string }).description, `description of ${name}`).toMatch(/\w{3}/)
  })
}

function testQuality(run: Run, baseline: Baseline): void {
  test('two runs give the same bytes', async () => {
    const { layers, statistics } = layerFixture()
    const [a, b] = [await run(layers, statistics), await run(layers, statistics)]
    for (const name of layers.keys()) expect(encodeWeight(a.get(name)!)).toEqual(encodeWeight(b.get(name)!))
  })

  test('the layer error is at most that of the baseline', async () => {
    const { layers, statistics } = layerFixture()
    const result = await run(layers, statistics)
    for (const [name, weight] of layers) {
      const plain = layerError(weight, applyBaseline(weight, baseline), statistics.gram)
      // f16 scales and values move an error by some parts in a thousand.
      expect(layerError(weight, result.get(name)!.dense(), statistics.gram)).toBeLessThan(plain * 1.005)
    }
  })

  test('layers and statistics are left as they were', async () => {
    const { layers, statistics } = layerFixture()
    const before = structuredClone({ layers, statistics })
    await run(layers, statistics)
    expect({ layers, statistics }).toEqual(before)
  })

  test('the memory of the layers is only lent: the next block is read into it', async () => {
    const { layers, statistics } = layerFixture()
    const result = await run(layers, statistics)
    const before = [...result.values()].map(weight => weight.dense())
    for (const { data } of layers.values()) data.fill(Number.NaN)
    expect([...result.values()].map(weight => weight.dense())).toEqual(before)
  })

  test('the memory of what is stored may be freed: the next block shares nothing with it', async () => {
    const { layers, statistics } = layerFixture()
    const before = [...(await run(layers, statistics)).values()].map(weight => weight.dense())
    for (const weight of (await run(layers, statistics)).values())
      for (const { data } of Object.values(weight.parts())) freeBuffer(data)
    expect([...(await run(layers, statistics)).values()].map(weight => weight.dense())).toEqual(before)
  })

  test('inputs that are always zero are survived', async () => {
    const { layers, statistics } = layerFixture({ dead: [0, 5, 63] })
    const result = await run(layers, statistics)
    for (const weight of result.values()) expect(weight.dense().data.every(Number.isFinite)).toBe(true)
  })

  test('fewer tokens than inputs are survived', async () => {
    const { layers, statistics } = layerFixture({ tokens: 3 })
    const result = await run(layers, statistics)
    for (const weight of result.values()) expect(weight.dense().data.every(Number.isFinite)).toBe(true)
  })

  test('a matrix of zeros stays one', async () => {
    const { statistics } = layerFixture()
    const zeros: TensorF32 = { dtype: 'f32', shape: [4, 64], data: new Float32Array(256) }
    const result = await run(new Map([['zeros', zeros]]), statistics)
    expect(
      result
        .get('zeros')!
        .dense()
        .data.every(value => value === 0),
    ).toBe(true)
  })
}

/** Name, rows, width: one row, one column, one element, a width that no group size or pattern divides. */
const shapes = [
  ['usual', 24, 64],
  ['one row', 1, 64],
  ['one column', 16, 1],
  ['one element', 1, 1],
  ['width 70', 8, 70],
  ['width 131', 5, 131],
] as const

function testStorage(run: Run, declared: (shape: readonly [number, number]) => number): void {
  for (const [name, rows, width] of shapes)
    test(`${name}: stored parts decode to the same values; bits as declared`, async () => {
      const { layers, statistics } = layerFixture({ rows: [rows], width })
      const result = await run(layers, statistics)
      expect([...result.keys()]).toEqual([...layers.keys()])
      for (const weight of result.values()) {
        expect(weight.shape).toEqual([rows, width])
        const { attributes, tensors } = encodeWeight(weight)
        const back = decodeWeight({ attributes: JSON.parse(JSON.stringify(attributes)), tensors })
        expect(back.dense()).toEqual(weight.dense())
        expect(totalBits(weight.bits()) / (rows * width)).toBeCloseTo(declared([rows, width]), 9)
      }
    })
}

function testRefusals(run: Run, withoutStatistics: false | ((layers: Layers) => Promise<unknown>)): void {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
    test(`a weight that is ${bad} is refused, and named`, async () => {
      const { layers, statistics } = layerFixture()
      layers.get('layer1')!.data[64 * 2 + 7] = bad
      await expect(run(layers, statistics)).rejects.toThrow(
        `block 3 layer1: expected finite weights, got ${bad} at row 2, column 7`,
      )
    })

  if (withoutStatistics)
    test('missing statistics are named', async () => {
      await expect(withoutStatistics(layerFixture().layers)).rejects.toThrow(/block 3: expected the statistic "\w+"/)
    })
}
