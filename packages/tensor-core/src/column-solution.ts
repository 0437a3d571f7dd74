import { byRow, gather, inverseOf } from './column-layout.ts'
import type { PreparedHessian } from './hessian.ts'
import type { ColumnArgs, SuperArgs } from './kernels/column-args.ts'
import type { SuperScales } from './super-scales.ts'

export interface ColumnSolution {
  readonly rows: number
  readonly cols: number
  /** The result [o, d] in the original order of columns; with `quantize` computed from the codes when first asked for. */
  readonly weight: Float64Array
  /** Σ e² of each row [o]; summed it is tr(ΔW H_damped ΔWᵀ). */
  readonly loss: Float64Array
  readonly hessian: PreparedHessian
  /** [o, d], 1 = removed. Only with `sparse`. */
  readonly mask?: Uint8Array
  /** Only with `quantize`. */
  readonly quantized?: QuantizedColumns
}

export interface QuantizedColumns {
  /** [o, d], original order. */
  readonly codes: Uint8Array
  /** [o, groups] */
  readonly scales: Float64Array
  /** [o, groups]; 2^(bits−1) everywhere in symmetric grids. Absent with `zero: 'min'`. */
  readonly zeroPoints?: Uint8Array
  /** [o, groups]; only with `zero: 'min'`. */
  readonly mins?: Float64Array
  /** Group of each original column [d]. */
  readonly groupOf: Int32Array
  readonly groupCount: number
  readonly groupSize: number
  /** Of a grid whose levels are not the whole numbers: the level of each code in steps of the scale. */
  readonly levels?: readonly number[]
  /** What `scales` (and `mins`) are the products of, on grids with two levels of scales. */
  readonly supers?: SuperColumns
}

export interface SuperColumns {
  readonly spec: SuperScales
  /** [o, groups], less the least code. */
  readonly scaleCodes: Uint8Array
  /** [o, groups]; only with `zero: 'min'`. */
  readonly minCodes?: Uint8Array
  /** [o, super-blocks], f16 values. */
  readonly scales: Float64Array
  /** [o, super-blocks]; only with `zero: 'min'`. A group's minimum is −min · code. */
  readonly mins?: Float64Array
}

/** A solve under way. */
export type State = ColumnArgs & {
  /** Errors of positions before this one are already in a column's weights [d]. */
  readonly applied: Int32Array
  readonly groupCount: number
}

/**
 * What a finished solve gives to the caller, in the original order of columns.
 * @param reusable whether the solver's own buffers may hold it
 */
export function collect(state: State, hessian: PreparedHessian, reusable: boolean): ColumnSolution {
  const { rows, width, mask } = state
  const position = inverseOf(hessian.order)
  const solution = {
    rows,
    cols: width,
    loss: Float64Array.from(state.loss),
    hessian,
    ...(mask.length > 0 && { mask: gather(mask, position, rows, new Uint8Array(rows * width)) }),
  }
  if (state.grid) return withLevels({ ...solution, quantized: quantizedOf(state, position) })
  // The errors are no longer wanted.
  return {
    ...solution,
    weight: gather(state.weights, position, rows, reusable ? state.errors : new Float64Array(rows * width)),
  }
}

function quantizedOf({ rows, grid, groupOf, groupCount, ...state }: State, position: Int32Array): QuantizedColumns {
  const floats = (from: Float64Array) => byRow(from, rows, groupCount, new Float64Array(rows * groupCount))
  return {
    codes: gather(state.codes, position, rows, new Uint8Array(state.codes.length)),
    scales: floats(state.scales),
    ...(grid!.zero === 'min'
      ? { mins: floats(state.zeros) }
      : { zeroPoints: byRow(state.zeros, rows, groupCount, new Uint8Array(rows * groupCount)) }),
    groupOf: Int32Array.from(position, p => groupOf[p]!),
    groupCount,
    groupSize: state.groupSize,
    ...(grid!.levels && { levels: grid!.levels }),
    ...(state.supers && {
      supers: supersOf(state.supers, rows, groupCount, groupCount / (state.unit / state.groupSize)),
    }),
  }
}

function supersOf({ spec, ...state }: SuperArgs, rows: number, groups: number, superBlocks: number): SuperColumns {
  const codes = (from: Uint8Array) => byRow(from, rows, groups, new Uint8Array(rows * groups))
  const floats = (from: Float64Array) => byRow(from, rows, superBlocks, new Float64Array(rows * superBlocks))
  return {
    spec,
    scaleCodes: codes(state.scaleCodes),
    scales: floats(state.scales),
    ...(spec.mostMin !== undefined && { minCodes: codes(state.minCodes), mins: floats(state.mins) }),
  }
}

/** Adds the levels, made when somebody asks: who stores codes has no use for a matrix eight times their size. */
export function withLevels(solution: Omit<ColumnSolution, 'weight'> & { quantized: QuantizedColumns }): ColumnSolution {
  let weight: Float64Array | undefined
  return {
    ...solution,
    get weight() {
      weight ??= levels(solution.quantized, solution.rows, solution.cols)
      return weight
    },
  }
}

function levels(quantized: QuantizedColumns, rows: number, cols: number): Float64Array {
  const weight = new Float64Array(rows * cols)
  for (let r = 0, at = 0; r < rows; r++)
    for (let c = 0; c < cols; c++, at++) weight[at] = levelAt(quantized, r, c, quantized.codes[at]!)
  return weight
}

/** The value of a code in row r, column c: as the kernels compute it, to the bit. */
export function levelAt(quantized: QuantizedColumns, r: number, c: number, code: number): number {
  const { scales, zeroPoints, mins, levels, groupOf, groupCount } = quantized
  const grid = r * groupCount + groupOf[c]!
  if (levels) return scales[grid]! * levels[code]!
  return mins ? scales[grid]! * code + mins[grid]! : scales[grid]! * (code - zeroPoints![grid]!)
}
