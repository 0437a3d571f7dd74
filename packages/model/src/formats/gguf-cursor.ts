import { FormatError } from './format-error.ts'
import { withStoredItems } from './gguf-stored.ts'
import { GGUF_ARRAY, type GgufScalar, type GgufScalarType, type GgufValue, ggufScalars } from './gguf-value.ts'

/** A chat template of 16 MiB is beyond anything published; ggml itself allows a gigabyte. */
const MAX_STRING_BYTES = 2 ** 24
/** Items of one array: a vocabulary has a quarter of a million tokens, and twice as many merges. */
const MAX_ARRAY_ITEMS = 2 ** 24
/**
 * What the values may take in memory beyond the size of the file: a boolean is a byte there and eight here. Files with a vocabulary
 * of 262 thousand tokens take 30 MB, and have more bytes themselves.
 */
const MAX_EXTRA_MEMORY = 48 * 2 ** 20
/** V8: an element of an array; a string beside its characters; an array, or a number of 64 bits, with what holds it. */
const ITEM_BYTES = 8
const STRING_BYTES = 24
const OBJECT_BYTES = 96
/** No published key nests arrays more than twice; recursion must end. */
const MAX_ARRAY_DEPTH = 4

const typeOfId = new Map(Object.entries(ggufScalars).map(([name, { id }]) => [id as number, name as GgufScalarType]))
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads a header from a prefix of a file. Every count is held against what the whole file could hold before anything is
 * allocated for it; a read past the prefix but inside the file throws `needMore`.
 */
export class GgufCursor {
  static readonly needMore: unique symbol = Symbol('the prefix is too short')
  at = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #fileSize: number
  readonly #where: string
  #memory = 0

  constructor(bytes: Uint8Array, fileSize: number, where: string) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#fileSize = fileSize
    this.#where = where
  }

  #take(length: number, what: string): number {
    const at = this.at
    if (at + length > this.#fileSize)
      throw new FormatError(
        'truncated',
        `${this.#where}: the file ends at byte ${this.#fileSize}, inside ${what} at ${at}`,
      )
    if (at + length > this.#bytes.length) throw GgufCursor.needMore
    this.at = at + length
    return at
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, 'a number'), true)
  }

  ascii(length: number): string {
    const at = this.#take(length, 'the magic number')
    return String.fromCharCode(...this.#bytes.subarray(at, at + length))
  }

  /** An unsigned 64-bit number that must be exact in JavaScript. */
  whole(what: string): number {
    const at = this.#take(8, 'a number')
    // A vocabulary has a quarter of a million of these: no BigInt for each.
    const value = this.#view.getUint32(at + 4, true) * 2 ** 32 + this.#view.getUint32(at, true)
    if (value > Number.MAX_SAFE_INTEGER)
      throw new FormatError(
        'overflow',
        `${what.includes(this.#where) ? '' : `${this.#where}: `}${what} is ${this.#view.getBigUint64(at, true)}`,
      )
    return value
  }

  /** A count of things that take at least `minBytes` each. */
  count(what: string, ceiling: number, minBytes: number): number {
    const count = this.whole(what)
    if (count > ceiling)
      throw new FormatError('limit', `${this.#where}: ${what} is ${count}; at most ${ceiling} are read`)
    if (this.at + count * minBytes > this.#fileSize)
      throw new FormatError(
        'truncated',
        `${this.#where}: ${what} is ${count}, more than ${this.#fileSize} bytes can hold`,
      )
    return count
  }

  string(): string {
    const length = this.count('the length of a string', MAX_STRING_BYTES, 1)
    const at = this.#take(length, 'a string')
    this.#spend(STRING_BYTES + length)
    try {
      return utf8.decode(this.#bytes.subarray(at, at + length))
    } catch (cause) {
      throw new FormatError('schema', `${this.#where}: the string at byte ${at} is not UTF-8`, { cause })
    }
  }

  value(key: string): GgufValue {
    const id = this.u32()
    if (id === GGUF_ARRAY) return this.#array(key, 1)
    const type = this.#type(id, key)
    return { type, value: this.#scalar(type) }
  }

  #spend(bytes: number): void {
    this.#memory += bytes
    if (this.#memory > this.#fileSize + MAX_EXTRA_MEMORY)
      throw new FormatError(
        'limit',
        `${this.#where}: a file of ${this.#fileSize} bytes whose metadata take ${this.#memory} in memory is not read`,
      )
  }

  #type(id: number, key: string): GgufScalarType {
    const type = typeOfId.get(id)
    if (!type)
      throw new FormatError('schema', `${this.#where}: the key ${JSON.stringify(key)} has the unknown type ${id}`)
    return type
  }

  #array(key: string, depth: number): GgufValue {
    if (depth > MAX_ARRAY_DEPTH)
      throw new FormatError(
        'limit',
        `${this.#where}: the key ${JSON.stringify(key)} nests arrays deeper than ${MAX_ARRAY_DEPTH}`,
      )
    const id = this.u32()
    const of = id === GGUF_ARRAY ? 'array' : this.#type(id, key)
    const minBytes = of === 'array' ? 12 : ggufScalars[of].bytes
    const count = this.count(`the length of ${JSON.stringify(key)}`, MAX_ARRAY_ITEMS, minBytes)
    this.#spend(OBJECT_BYTES + count * ITEM_BYTES)
    if (of === 'array')
      return { type: 'array', of, value: Array.from({ length: count }, () => this.#array(key, depth + 1)) }
    const from = this.at
    if (of !== 'string') this.#take(count * minBytes, `the items of ${JSON.stringify(key)}`)
    else for (let i = 0; i < count; i++) this.#skipString()
    return this.#later(of, count, this.#bytes.subarray(from, this.at))
  }

  #skipString(): void {
    const length = this.count('the length of a string', MAX_STRING_BYTES, 1)
    this.#take(length, 'a string')
    this.#spend(STRING_BYTES + length)
  }

  /** Items are decoded when somebody asks for them: a vocabulary that is only copied never is. */
  #later(of: GgufScalarType, count: number, bytes: Uint8Array): GgufValue {
    const [size, where] = [this.#fileSize, this.#where]
    let decoded: readonly GgufScalar[] | undefined
    const decode = (): readonly GgufScalar[] => {
      const cursor = new GgufCursor(bytes, size, where)
      return Array.from({ length: count }, () => cursor.#scalar(of))
    }
    return withStoredItems(
      {
        type: 'array',
        of,
        get value() {
          decoded ??= decode()
          return decoded
        },
      },
      { count, bytes },
    )
  }

  #scalar(type: GgufScalarType): GgufScalar {
    if (type === 'string') return this.string()
    if (type === 'u64' || type === 'i64' || type === 'f64') this.#spend(STRING_BYTES)
    const at = this.#take(ggufScalars[type].bytes, 'a value')
    const view = this.#view
    switch (type) {
      case 'u8':
        return view.getUint8(at)
      case 'i8':
        return view.getInt8(at)
      case 'u16':
        return view.getUint16(at, true)
      case 'i16':
        return view.getInt16(at, true)
      case 'u32':
        return view.getUint32(at, true)
      case 'i32':
        return view.getInt32(at, true)
      case 'f32':
        return view.getFloat32(at, true)
      case 'f64':
        return view.getFloat64(at, true)
      case 'u64':
        return view.getBigUint64(at, true)
      case 'i64':
        return view.getBigInt64(at, true)
      case 'bool':
        return view.getUint8(at) !== 0
    }
  }
}
