import { storedItems } from './gguf-stored.ts'
import { GGUF_ARRAY, type GgufScalar, type GgufScalarType, type GgufValue, ggufScalars } from './gguf-value.ts'

/** A growing little-endian buffer. */
export class ByteSink {
  #buffer = new Uint8Array(2 ** 16)
  #length = 0

  #reserve(length: number): DataView {
    if (this.#length + length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(this.#buffer.length * 2, this.#length + length))
      grown.set(this.#buffer)
      this.#buffer = grown
    }
    const view = new DataView(this.#buffer.buffer, this.#length, length)
    this.#length += length
    return view
  }

  bytes(bytes: Uint8Array): void {
    const view = this.#reserve(bytes.length)
    this.#buffer.set(bytes, view.byteOffset)
  }

  typed(value: GgufValue): void {
    if (value.type === 'array') {
      this.scalar('u32', GGUF_ARRAY)
      this.#array(value)
    } else {
      this.scalar('u32', ggufScalars[value.type].id)
      this.scalar(value.type, value.value)
    }
  }

  #array(array: Extract<GgufValue, { type: 'array' }>): void {
    this.scalar('u32', array.of === 'array' ? GGUF_ARRAY : ggufScalars[array.of].id)
    const items = storedItems(array)
    if (items) {
      this.scalar('u64', BigInt(items.count))
      this.bytes(items.bytes)
      return
    }
    this.scalar('u64', BigInt(array.value.length))
    for (const item of array.value)
      if (typeof item === 'object') this.#array(item as Extract<GgufValue, { type: 'array' }>)
      else this.scalar(array.of as GgufScalarType, item)
  }

  scalar(type: GgufScalarType, value: GgufScalar): void {
    if (type === 'string') {
      const text = new TextEncoder().encode(String(value))
      this.scalar('u64', BigInt(text.length))
      this.bytes(text)
      return
    }
    const view = this.#reserve(ggufScalars[type].bytes)
    if (type === 'u64' || type === 'i64') view.setBigInt64(0, BigInt(value), true)
    else setters[type](view, Number(value))
  }

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length)
  }
}

const setters: {
  readonly [K in Exclude<GgufScalarType, 'string' | 'u64' | 'i64'>]: (view: DataView, value: number) => void
} = {
  u8: (view, value) => view.setUint8(0, value),
  bool: (view, value) => view.setUint8(0, value),
  i8: (view, value) => view.setInt8(0, value),
  u16: (view, value) => view.setUint16(0, value, true),
  i16: (view, value) => view.setInt16(0, value, true),
  u32: (view, value) => view.setUint32(0, value, true),
  i32: (view, value) => view.setInt32(0, value, true),
  f32: (view, value) => view.setFloat32(0, value, true),
  f64: (view, value) => view.setFloat64(0, value, true),
}
