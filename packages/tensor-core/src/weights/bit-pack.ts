/**
 * Packs codes of `bits` bits (1–8) into one dense little-endian stream: code k occupies bits `k·bits … (k+1)·bits − 1`,
 * counted from the low bit of the first byte. Unused high bits of the last byte are 0.
 * @param out memory for the stream, zeros; default: new
 */
export function packBits(
  codes: Uint8Array,
  bits: number,
  out: Uint8Array = new Uint8Array(packedBytes(codes.length, bits)),
): Uint8Array {
  checkBits(bits)
  if (bits === 4) return packNibbles(codes, out)
  if (bits === 8) {
    out.set(codes)
    return out
  }
  const mask = (1 << bits) - 1
  let word = 0
  let held = 0
  let at = 0
  for (let k = 0; k < codes.length; k++) {
    word |= (codes[k]! & mask) << held
    held += bits
    if (held >= 8) {
      out[at++] = word & 255
      word >>>= 8
      held -= 8
    }
  }
  if (held > 0) out[at] = word
  return out
}

/**
 * The inverse of `packBits`.
 * @param out memory for the codes; default: new
 * @throws RangeError when the stream is not exactly as long as `count` codes need
 */
export function unpackBits(
  bytes: Uint8Array,
  bits: number,
  count: number,
  out: Uint8Array = new Uint8Array(count),
): Uint8Array {
  checkPacked(bytes, bits, count)
  if (bits === 4) return unpackNibbles(bytes, count, out)
  if (bits === 8) {
    out.set(bytes)
    return out
  }
  const mask = (1 << bits) - 1
  let word = 0
  let held = 0
  let at = 0
  for (let k = 0; k < count; k++) {
    if (held < bits) {
      word |= bytes[at++]! << held
      held += 8
    }
    out[k] = word & mask
    word >>>= bits
    held -= bits
  }
  return out
}

/** The most used width, four codes at a time: 0.3 ns a code where the general loops take 2 and more. */
function packNibbles(codes: Uint8Array, out: Uint8Array): Uint8Array {
  const quads = out.byteOffset % 2 === 0 ? Math.floor(codes.length / 4) : 0
  const pairs = new Uint16Array(out.buffer, out.byteOffset - (out.byteOffset % 2), quads)
  const aligned = codes.byteOffset % 4 === 0 ? codes : codes.slice()
  const words = new Int32Array(aligned.buffer, aligned.byteOffset, quads)
  for (let i = 0; i < quads; i++) {
    const word = words[i]! & 0x0f0f0f0f
    const joined = word | (word >>> 4)
    pairs[i] = (joined & 0xff) | ((joined >>> 8) & 0xff00)
  }
  for (let k = quads * 4; k < codes.length; k++) out[k >> 1]! |= (codes[k]! & 15) << (4 * (k & 1))
  return out
}

function unpackNibbles(bytes: Uint8Array, count: number, out: Uint8Array): Uint8Array {
  const quads = out.byteOffset % 4 === 0 ? Math.floor(count / 4) : 0
  const words = new Int32Array(out.buffer, out.byteOffset - (out.byteOffset % 4), quads)
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  const pairs = new Uint16Array(aligned.buffer, aligned.byteOffset, quads)
  for (let i = 0; i < quads; i++) {
    const pair = pairs[i]!
    const spread = (pair | (pair << 8)) & 0x00ff00ff
    words[i] = (spread | (spread << 4)) & 0x0f0f0f0f
  }
  for (let k = quads * 4; k < count; k++) out[k] = (bytes[k >> 1]! >>> (4 * (k & 1))) & 15
  return out
}

/** Bytes of a stream of `count` codes. */
export const packedBytes = (count: number, bits: number): number => Math.ceil((count * bits) / 8)

/** @throws RangeError when a stream is not exactly as long as `count` codes need */
export function checkPacked(bytes: Uint8Array, bits: number, count: number): void {
  checkBits(bits)
  const expected = packedBytes(count, bits)
  if (bytes.length !== expected)
    throw new RangeError(`${count} codes of ${bits} bits: expected ${expected} bytes, got ${bytes.length}`)
}

function checkBits(bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) throw new RangeError(`bits: expected 1 to 8, got ${bits}`)
}
