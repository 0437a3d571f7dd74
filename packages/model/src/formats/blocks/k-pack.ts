/** Where the codes of a super-block lie in its bytes. `codes` holds 256 of them from `from`. */
export type PackCodes = (codes: Uint8Array, from: number, out: Uint8Array, at: number) => void

/** Two bits of each: a half of 128 values in 32 bytes, as four planes. */
function packTwoBits(codes: Uint8Array, from: number, out: Uint8Array, at: number): void {
  for (let half = 0; half < 2; half++)
    for (let l = 0; l < 32; l++) {
      const i = from + 128 * half + l
      const [a, b, c, d] = [codes[i]! & 3, codes[i + 32]! & 3, codes[i + 64]! & 3, codes[i + 96]! & 3]
      out[at + 32 * half + l] = a | (b << 2) | (c << 4) | (d << 6)
    }
}

export const packQ2: PackCodes = (codes, from, out, at) => packTwoBits(codes, from, out, at + 16)

/** Bit `bit` of each code: of values l, 32 + l, … 224 + l in byte l. */
function packBitPlanes(codes: Uint8Array, from: number, bit: number, out: Uint8Array, at: number): void {
  const bitOf = (i: number): number => (codes[i]! >> bit) & 1
  for (let l = 0; l < 32; l++) {
    const i = from + l
    const low = bitOf(i) | (bitOf(i + 32) << 1) | (bitOf(i + 64) << 2) | (bitOf(i + 96) << 3)
    const high = bitOf(i + 128) | (bitOf(i + 160) << 1) | (bitOf(i + 192) << 2) | (bitOf(i + 224) << 3)
    out[at + l] = low | (high << 4)
  }
}

export const packQ3: PackCodes = (codes, from, out, at) => {
  packBitPlanes(codes, from, 2, out, at)
  packTwoBits(codes, from, out, at + 32)
}

function packNibbles(codes: Uint8Array, from: number, out: Uint8Array, at: number): void {
  for (let part = 0; part < 4; part++)
    for (let l = 0; l < 32; l++) {
      const i = from + 64 * part + l
      out[at + 32 * part + l] = (codes[i]! & 15) | (codes[i + 32]! << 4)
    }
}

export const packQ4: PackCodes = (codes, from, out, at) => packNibbles(codes, from, out, at + 16)

export const packQ5: PackCodes = (codes, from, out, at) => {
  packBitPlanes(codes, from, 4, out, at + 16)
  packNibbles(codes, from, out, at + 48)
}

export const packQ6: PackCodes = (codes, from, out, at) => {
  for (let half = 0; half < 2; half++)
    for (let l = 0; l < 32; l++) {
      const i = from + 128 * half + l
      const [a, b, c, d] = [codes[i]!, codes[i + 32]!, codes[i + 64]!, codes[i + 96]!]
      out[at + 64 * half + l] = (a & 15) | ((c & 15) << 4)
      out[at + 64 * half + 32 + l] = (b & 15) | ((d & 15) << 4)
      out[at + 128 + 32 * half + l] = (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((d >> 4) << 6)
    }
}
