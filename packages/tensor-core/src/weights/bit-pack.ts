/**
 * Packs codes of `bits` bits (1–8) into one dense little-endian stream: code k occupies bits `k·bits … (k+1)·bits − 1`,
 * counted from the low bit of the first byte. Unused high bits of the last byte are 0.
 */
export function packBits(codes: Uint8Array, bits: number): Uint8Array {
  checkBits(bits)
  if (bits === 8) return codes.slice()
  const out = new Uint8Array(Math.ceil((codes.length * bits) / 8))
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

/** The inverse of `packBits`. @throws RangeError when the stream is not exactly as long as `count` codes need */
export function unpackBits(bytes: Uint8Array, bits: number, count: number): Uint8Array {
  checkBits(bits)
  const expected = Math.ceil((count * bits) / 8)
  if (bytes.length !== expected)
    throw new RangeError(`${count} codes of ${bits} bits: expected ${expected} bytes, got ${bytes.length}`)
  if (bits === 8) return bytes.slice()
  const out = new Uint8Array(count)
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

function checkBits(bits: number): void {
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) throw new RangeError(`bits: expected 1 to 8, got ${bits}`)
}
