/**
 * Scales that are whole numbers times a scale of their own, shared by the groups of so many columns: the two levels of ggml's
 * K-quants. A group's scale is `superScale · code`; its minimum, where there is one, `−superMin · code`.
 */
export interface SuperScales {
  /** Columns under one scale of scales; a multiple of the group size. */
  readonly size: number
  /** Least and largest code of a scale: 0 and 63, −32 and 31. */
  readonly least: number
  readonly most: number
  /** Largest code of a minimum, on grids that have one; the least is 0. */
  readonly mostMin?: number
}

/** @throws RangeError unless the super-blocks fill the width and the groups fill them, TypeError for a minimum on one side only */
export function checkSuperScales(supers: SuperScales, width: number, groupSize: number, withMin: boolean): void {
  const { size, mostMin } = supers
  if (width % size !== 0 || size % groupSize !== 0)
    throw new RangeError(
      `super-blocks of ${size} columns with groups of ${groupSize}: expected a width that is a multiple of ${size}, got ${width}`,
    )
  if ((mostMin !== undefined) !== withMin)
    throw new TypeError('super-blocks: a grid with a minimum needs `mostMin`, and no other has one')
}
