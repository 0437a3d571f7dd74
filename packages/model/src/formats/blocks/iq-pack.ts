/** How the blocks of IQ2_* and IQ3_* lie in bytes. All begin with the f16 scale, which is not written here. */

/** Of 256 values. */
export interface Found {
  readonly indices: Uint16Array
  /** One byte for eight values. */
  readonly signs: Uint8Array
  readonly scales: Float32Array
  /** Whether all of a sub-block is zero. */
  readonly empty: Uint8Array
  /** 0 … 15 */
  readonly codes: Uint8Array
}

const putNibbles = (codes: Uint8Array, out: Uint8Array, at: number): void => {
  for (let i = 0; i < codes.length; i += 2) out[at + (i >> 1)] = codes[i]! | (codes[i + 1]! << 4)
}

/** Four times seven signs, and a scale's code above them. */
function putSignsAndCode(signs: Uint8Array, from: number, code: number, out: Uint8Array, at: number): void {
  let word = code << 28
  for (let k = 0; k < 4; k++) word |= (signs[from + k]! & 127) << (7 * k)
  for (let i = 0; i < 4; i++) out[at + i] = word >>> (8 * i)
}

export function putIQ2_XXS({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  for (let b = 0; b < 8; b++) {
    out.set(indices.subarray(4 * b, 4 * b + 4), at + 2 + 8 * b)
    putSignsAndCode(signs, 4 * b, codes[b]!, out, at + 6 + 8 * b)
  }
}

export function putIQ2_XS({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  for (let k = 0; k < 32; k++) {
    const word = indices[k]! | ((signs[k]! & 127) << 9)
    out[at + 2 + 2 * k] = word
    out[at + 3 + 2 * k] = word >> 8
  }
  putNibbles(codes, out, at + 66)
}

export function putIQ2_S({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  for (let k = 0; k < 32; k++) {
    out[at + 2 + k] = indices[k]!
    out[at + 66 + (k >> 2)]! |= (indices[k]! >> 8) << (2 * (k & 3))
  }
  out.set(signs, at + 34)
  putNibbles(codes, out, at + 74)
}

export function putIQ3_XXS({ indices, signs, codes }: Found, out: Uint8Array, at: number): void {
  out.set(indices, at + 2)
  for (let b = 0; b < 8; b++) putSignsAndCode(signs, 4 * b, codes[b]!, out, at + 66 + 4 * b)
}

/** ggml leaves no room for the indices and signs of empty sub-blocks, so that what follows one lies where its own should. */
export function putIQ3_S({ indices, signs, empty, codes }: Found, out: Uint8Array, at: number): void {
  for (let b = 0, place = 0; b < 8; b++) {
    if (empty[b]) continue
    for (let k = 0; k < 8; k++) {
      out[at + 2 + 8 * place + k] = indices[8 * b + k]!
      out[at + 66 + b]! |= (indices[8 * b + k]! >> 8) << k
    }
    out.set(signs.subarray(4 * b, 4 * b + 4), at + 74 + 4 * place)
    place++
  }
  putNibbles(codes, out, at + 106)
}
