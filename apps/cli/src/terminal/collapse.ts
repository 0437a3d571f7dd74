interface Named {
  readonly name: string
  readonly bytes: number
}

export type Counted<T> = T & { readonly count: number }

const anyBlock = (name: string): string => name.replace(/\.\d+\./g, '.*.')

/**
 * Rows of a table of tensors, alike ones of all blocks as one: `model.layers.*.mlp.up_proj.weight`, their sizes added.
 * @param kind what rows must have in common, beside the name
 */
export function collapse<T extends Named>(rows: readonly T[], kind: (row: T) => string): Counted<T>[] {
  const groups = new Map<string, Counted<T>>()
  for (const row of rows) {
    const name = anyBlock(row.name)
    const key = `${name} ${kind(row)}`
    const known = groups.get(key)
    if (!known) groups.set(key, { ...row, count: 1 })
    else groups.set(key, { ...known, name, bytes: known.bytes + row.bytes, count: known.count + 1 })
  }
  return [...groups.values()]
}

export const counted = <T>(rows: readonly T[]): Counted<T>[] => rows.map(row => ({ ...row, count: 1 }))
