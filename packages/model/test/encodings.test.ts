import { readFileSync } from 'node:fs'
import { f16Bits, type Tensor } from '@sinter/tensor-core'
import { describe, expect, it } from 'vitest'
import { decodeValues, encodedBytes, encodeValues, encodingNamed, encodings } from '../src/formats/encodings.ts'
import { packQ4_0, packQ4_1, packQ8_0 } from '../src/formats/pack-codes.ts'
import { decodeSafetensors } from '../src/formats/safetensors.ts'

const fixture = (name: string): ReadonlyMap<string, Tensor> =>
  decodeSafetensors(readFileSync(new URL(`fixtures/ggml/${name}.safetensors`, import.meta.url)), name).tensors

const floats = (t: Tensor): Float32Array => t.data as Float32Array
const input = floats(fixture('_input').get('x')!)
const importance = floats(fixture('_input').get('imatrix')!)
/** F32 is its own record; plain integers are never encoded by ggml. */
const recorded = encodings.filter(({ name, dtype }) => !dtype || name === 'F16' || name === 'BF16')

describe('the same bytes and values as ggml (gaussian, heavy tails, constants, denormals, outliers)', () => {
  it('covers every block encoding', () => expect(recorded.length).toBe(27))

  it.each(recorded)('$name decodes to the same bits', encoding => {
    const record = fixture(encoding.name.toLowerCase())
    for (const kind of ['', '_imatrix']) {
      const bytes = record.get(`bytes${kind}`)?.data as Uint8Array | undefined
      if (!bytes) continue
      const expected = floats(record.get(`decoded${kind}`)!)
      expect(differences(decodeValues(encoding, bytes, expected.length), expected)).toEqual([])
    }
  })

  const plain = recorded.filter(({ encode, importance }) => encode && importance !== 'required')
  it.each(plain)('$name encodes to the same bytes', encoding => {
    const expected = fixture(encoding.name.toLowerCase()).get('bytes')!.data as Uint8Array
    expect(Buffer.from(encodeValues(encoding, input)).equals(Buffer.from(expected))).toBe(true)
  })

  it.each(recorded.filter(({ encode }) => encode))(
    '$name encodes to the same bytes when the importance of the columns is known',
    encoding => {
      const record = fixture(encoding.name.toLowerCase())
      const expected = (record.get('bytes_imatrix') ?? record.get('bytes')!).data as Uint8Array
      const actual = encodeValues(encoding, input, importance.length, importance)
      expect(Buffer.from(actual).equals(Buffer.from(expected))).toBe(true)
    },
  )
})

/** Positions where two arrays differ in a bit; ggml may give NaN where it overflows, and any NaN is the same. */
function differences(actual: Float32Array, expected: Float32Array): number[] {
  const found: number[] = []
  for (let i = 0; i < expected.length; i++) if (!Object.is(actual[i], expected[i])) found.push(i)
  return found.slice(0, 5)
}

describe('packing given codes', () => {
  const scale = f16Bits(0.125)
  const codes = Uint8Array.from({ length: 64 }, (_, i) => (i * 7) % 16)

  it('Q4_0 holds exactly (code - 8) × scale', () => {
    const values = decodeValues(encodingNamed('Q4_0'), packQ4_0(codes, Uint16Array.of(scale, scale)), 64)
    expect([...values]).toEqual([...codes].map(q => (q - 8) * 0.125))
  })

  it('Q4_1 holds exactly code × scale + min', () => {
    const mins = Uint16Array.of(f16Bits(-0.5), f16Bits(0.25))
    const values = decodeValues(encodingNamed('Q4_1'), packQ4_1(codes, Uint16Array.of(scale, scale), mins), 64)
    expect([...values]).toEqual([...codes].map((q, i) => q * 0.125 + (i < 32 ? -0.5 : 0.25)))
  })

  it('Q8_0 holds exactly code × scale', () => {
    const signed = Int8Array.from({ length: 32 }, (_, i) => i * 8 - 128)
    const values = decodeValues(encodingNamed('Q8_0'), packQ8_0(signed, Uint16Array.of(scale)), 32)
    expect([...values]).toEqual([...signed].map(q => q * 0.125))
  })

  it('refuses counts that do not agree and codes that do not fit', () => {
    expect(() => packQ4_0(codes, Uint16Array.of(scale))).toThrow(
      'Q4_0: expected one scale (and minimum) for each 32 codes, got 64 codes and 1',
    )
    expect(() => packQ4_0(new Uint8Array(32).fill(16), Uint16Array.of(scale))).toThrow(
      'expected codes 0 … 15, got 16 near 0',
    )
  })
})

describe('clear refusals', () => {
  it('a row that does not divide into blocks', () =>
    expect(() => encodedBytes(encodingNamed('Q4_K'), 172)).toThrow(
      'Q4_K stores blocks of 256: 172 values do not divide',
    ))
  it('an encoding that is only read', () =>
    expect(() => encodeValues(encodingNamed('I32'), new Float32Array(256))).toThrow('I32 can be read but not written'))
  it('an unknown name', () => expect(() => encodingNamed('Q9_9')).toThrow('unknown encoding "Q9_9"; known: F32 F16'))
})
