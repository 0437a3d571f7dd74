import { matmul, type Node, reshape, type TensorF32 } from '@sinter/tensor-core'

/** What a part of GLoRA consists of: a product of two thin matrices, a number for each row, one number, nothing. */
export type Form = 'low-rank' | 'vector' | 'scalar' | 'none'

/** A matrix `[rows, columns]`, or what broadcasts to one, in one of the forms. */
export interface Part {
  readonly form: Form
  readonly rows: number
  readonly columns: number
  readonly rank: number
}

/** Shapes of the tensors behind a part, by the endings of their names. */
export function partShapes({ form, rows, columns, rank }: Part): Readonly<Record<string, readonly number[]>> {
  switch (form) {
    case 'low-rank':
      return { _left: [rows, rank], _right: [rank, columns] }
    case 'vector':
      return { '': [rows] }
    case 'scalar':
      return { '': [1] }
    case 'none':
      return {}
  }
}

/** The part as a node that broadcasts to `[rows, columns]`. @param parameter declares a tensor by the ending of its name */
export function partNode(part: Part, parameter: (ending: string, shape: readonly number[]) => Node): Node | undefined {
  const shapes = partShapes(part)
  switch (part.form) {
    case 'low-rank':
      return matmul(parameter('_left', shapes._left!), parameter('_right', shapes._right!))
    case 'vector':
      return reshape(parameter('', shapes['']!), [part.rows, 1])
    case 'scalar':
      return reshape(parameter('', shapes['']!), [1, 1])
    case 'none':
      return undefined
  }
}

/**
 * Row `row` of the part, written over `out` `[columns]` in f64; zeros when it is none.
 * @param tensor gives a tensor by the ending of its name
 */
export function partRow(part: Part, tensor: (ending: string) => TensorF32, row: number, out: Float64Array): void {
  out.fill(0)
  if (part.form === 'vector') out.fill(tensor('').data[row]!)
  if (part.form === 'scalar') out.fill(tensor('').data[0]!)
  if (part.form !== 'low-rank') return
  const [left, right] = [tensor('_left').data, tensor('_right').data]
  for (let r = 0; r < part.rank; r++)
    for (let i = 0; i < part.columns; i++) out[i]! += left[row * part.rank + r]! * right[r * part.columns + i]!
}
