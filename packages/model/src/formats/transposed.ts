import type { Tensor, TypedArray } from '@sinter/tensor-core'

/** Side of the squares that are turned at a time: their rows and columns stay in the cache. */
const TILE = 64

/** `[rows, cols]` → `[cols, rows]` */
export function transposed<A extends TypedArray>(data: A, [rows, cols]: readonly [number, number]): A {
  const out = data.slice() as A
  for (let top = 0; top < rows; top += TILE)
    for (let left = 0; left < cols; left += TILE) turnTile(data, out, rows, cols, top, left)
  return out
}

function turnTile(data: TypedArray, out: TypedArray, rows: number, cols: number, top: number, left: number): void {
  const bottom = Math.min(top + TILE, rows)
  const right = Math.min(left + TILE, cols)
  for (let r = top; r < bottom; r++) for (let c = left; c < right; c++) out[c * rows + r] = data[r * cols + c]!
}

/** A matrix with rows and columns changed, of the type that it has. */
export function turned<T extends Tensor>(matrix: T): T {
  const [rows, cols] = matrix.shape as readonly [number, number]
  return { ...matrix, shape: [cols, rows], data: transposed(matrix.data, [rows, cols]) }
}
