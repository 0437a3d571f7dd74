import {
  encodedBytes,
  encodingNamed,
  findMix,
  type GgufMetadata,
  ggufMixes,
  mixFactsOf,
  typesOfMix,
} from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import { unknownName } from '../registry/methods.ts'
import type { ConversionRow } from './conversion.ts'
import { checkNeeded, type Importance, importanceFor } from './importance.ts'

/** One tensor of the file that will be, before its type is chosen. */
export interface Candidate {
  readonly name: string
  readonly shape: readonly number[]
  /** How it is stored. */
  readonly from: string
  /** What it stays when the mix leaves it alone. */
  readonly kept: string
}

/**
 * The mix of a name.
 * @throws SinterError `unknown-name`
 */
export function mixNamed(name: string): NonNullable<ReturnType<typeof findMix>> {
  const found = findMix(name)
  if (found) return found
  throw unknownName('type of gguf', name, Object.keys(ggufMixes))
}

/** The type of every tensor. */
export interface Choice {
  readonly rows: readonly ConversionRow[]
  readonly types: ReadonlyMap<string, string>
  readonly weights: ReadonlyMap<string, Float32Array>
  readonly fileType: number
}

/** @throws SinterError `option` where a type needs importance that there is not */
export function choose(
  candidates: readonly Candidate[],
  metadata: GgufMetadata,
  mixName: string,
  importance: Importance | undefined,
): Choice {
  const { name: ofMix, mix } = mixNamed(mixName)
  const chosen = typesOfMix(mix, candidates, mixFactsOf(metadata), importance !== undefined)
  const weights = importanceFor(candidates, importance)
  const rows = candidates.map(({ name, shape, from, kept }, i): ConversionRow => {
    const { type = kept, insteadOf } = chosen[i]!
    const bytes = encodedBytes(encodingNamed(type), shape.at(-1) ?? 1) * sizeOf(shape.slice(0, -1))
    const note = insteadOf && `${shape.at(-1)} inputs do not divide into blocks of ${insteadOf}`
    // What is copied is not weighed.
    return {
      tensor: name,
      shape,
      from,
      to: type,
      bytes,
      weighed: from !== type && weights.has(name),
      ...(note && { note }),
    }
  })
  checkNeeded(
    ofMix,
    candidates.filter((_, i) => chosen[i]!.needsImportance && rows[i]!.from !== rows[i]!.to).map(({ name }) => name),
    weights,
  )
  return { rows, weights, fileType: mix.fileType, types: new Map(rows.map(({ tensor, to }) => [tensor, to])) }
}
