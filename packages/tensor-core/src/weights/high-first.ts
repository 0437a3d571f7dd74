/**
 * Packs codes of `bits` bits (1–8) from the high end of every byte on: of two 4-bit codes the first is the high nibble, as
 * bitsandbytes stores them (`packBits` goes from the low end). Unused low bits of the last byte are 0.
 */
export function packHighFirst(codes: Uint8Array, bits: number): Uint8Array {
  const out = new Uint8Array(Math.ceil((codes.length * bits) / 8))
  let word = 0
  let held = 0
  let at = 0
  for (let k = 0; k < codes.length; k++) {
    word = (word << bits) | codes[k]!
    held += bits
    if (held >= 8) {
      held -= 8
      out[at++] = word >>> held
      word &= (1 << held) - 1
    }
  }
  if (held > 0) out[at] = word << (8 - held)
  return out
}

/** Codes `from … from + count − 1` of what `packHighFirst` gave, into the start of `out`. */
export function unpackHighFirst(bytes: Uint8Array, bits: number, from: number, count: number, out: Uint8Array): void {
  // Eight codes fill whole bytes. Counted in them, no product leaves the range of exact whole numbers.
  const skipped = (from % 8) * bits
  let at = Math.floor(from / 8) * bits + (skipped >>> 3)
  let held = 8 - (skipped & 7)
  let word = bytes[at++]! & ((1 << held) - 1)
  for (let k = 0; k < count; k++) {
    if (held < bits) {
      word = (word << 8) | bytes[at++]!
      held += 8
    }
    held -= bits
    out[k] = word >>> held
    word &= (1 << held) - 1
  }
}
