/** The scalar types of GGUF metadata, with their numbers in the file and their sizes; strings have a length before them. */
export const ggufScalars = {
  u8: { id: 0, bytes: 1 },
  i8: { id: 1, bytes: 1 },
  u16: { id: 2, bytes: 2 },
  i16: { id: 3, bytes: 2 },
  u32: { id: 4, bytes: 4 },
  i32: { id: 5, bytes: 4 },
  f32: { id: 6, bytes: 4 },
  bool: { id: 7, bytes: 1 },
  string: { id: 8, bytes: 8 },
  u64: { id: 10, bytes: 8 },
  i64: { id: 11, bytes: 8 },
  f64: { id: 12, bytes: 8 },
} as const

export const GGUF_ARRAY = 9

export type GgufScalarType = keyof typeof ggufScalars
export type GgufScalar = number | bigint | boolean | string

/** A metadata value with the type it has in the file. 64-bit integers are bigints. */
export type GgufValue =
  | { readonly type: GgufScalarType; readonly value: GgufScalar }
  | {
      readonly type: 'array'
      readonly of: GgufScalarType | 'array'
      readonly value: readonly (GgufScalar | GgufValue)[]
    }

/** Key → value, in the order of the file. */
export type GgufMetadata = ReadonlyMap<string, GgufValue>

export const ggufString = (value: string): GgufValue => ({ type: 'string', value })
export const ggufU32 = (value: number): GgufValue => ({ type: 'u32', value })
export const ggufF32 = (value: number): GgufValue => ({ type: 'f32', value })
export const ggufBool = (value: boolean): GgufValue => ({ type: 'bool', value })
export const ggufArray = (of: GgufScalarType, value: readonly GgufScalar[]): GgufValue => ({ type: 'array', of, value })

/** A value as a number, if it is one. A 32-bit float comes back as the shortest decimal that means it: 1e-5, not 9.9999997e-6. */
export function numberOf(value: GgufValue | undefined): number | undefined {
  if (value === undefined || value.type === 'array') return undefined
  if (typeof value.value === 'bigint') return Number(value.value)
  if (typeof value.value !== 'number') return undefined
  return value.type === 'f32' ? shortestF32(value.value) : value.value
}

/** The decimal with the fewest digits that rounds to the same 32-bit float. */
export function shortestF32(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const candidate = Number(value.toPrecision(digits))
    if (Math.fround(candidate) === Math.fround(value)) return candidate
  }
  return value
}

/** A value as a string, if it is one. */
export const stringOf = (value: GgufValue | undefined): string | undefined =>
  value?.type === 'string' ? (value.value as string) : undefined

/** A value as a boolean, if it is one. */
export const boolOf = (value: GgufValue | undefined): boolean | undefined =>
  value?.type === 'bool' ? (value.value as boolean) : undefined

/** An array's items, if it is an array of strings. */
export const stringsOf = (value: GgufValue | undefined): readonly string[] | undefined =>
  value?.type === 'array' && value.of === 'string' ? (value.value as readonly string[]) : undefined

/** An array's items as numbers, if it is an array of numbers or booleans. */
export const numbersOf = (value: GgufValue | undefined): readonly number[] | undefined =>
  value?.type === 'array' && value.of !== 'string' && value.of !== 'array' ? value.value.map(Number) : undefined
