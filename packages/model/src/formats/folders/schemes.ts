import { FormatError } from '../format-error.ts'
import type { Scheme } from './folder-format.ts'

/** The scheme of all matrices. @throws FormatError `unsupported` when there are several, naming two layers */
export function oneScheme(format: string, held: ReadonlyMap<string, Scheme>): Scheme {
  const [first, ...rest] = held
  if (!first) return {}
  const text = JSON.stringify(first[1])
  const other = rest.find(([, scheme]) => JSON.stringify(scheme) !== text)
  if (other)
    throw new FormatError(
      'unsupported',
      `a folder of ${format} has one scheme for all layers: ${first[0]} has ${text}, ${other[0]} has ` +
        `${JSON.stringify(other[1])}; compress all in one way, or use compressed-tensors`,
    )
  return first[1]
}

/** Layers by scheme, in the order in which schemes first come. */
export function bySchemes(held: ReadonlyMap<string, Scheme>): { readonly scheme: Scheme; readonly stems: string[] }[] {
  const groups = new Map<string, { readonly scheme: Scheme; readonly stems: string[] }>()
  for (const [stem, scheme] of held) {
    const key = JSON.stringify(scheme)
    const group = groups.get(key) ?? { scheme, stems: [] }
    group.stems.push(stem)
    groups.set(key, group)
  }
  return [...groups.values()]
}
