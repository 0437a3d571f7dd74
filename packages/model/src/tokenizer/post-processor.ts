import { z } from 'zod'
import { typeOf, unknownComponent } from './component.ts'
import { MAX_STEPS } from './limits.ts'

/** Adds the special tokens around the ids of a text. */
export type PostProcessor = (ids: number[]) => number[]

const id = z.int().nonnegative()
const sequence = z.object({ processors: z.array(z.unknown()).max(MAX_STEPS) })
const pair = z.tuple([z.string(), id])
const bert = z.object({ cls: pair, sep: pair })
const template = z.object({
  single: z
    .array(
      z.union([
        z.object({ SpecialToken: z.object({ id: z.string() }) }),
        z.object({ Sequence: z.object({ id: z.enum(['A', 'B']) }) }),
      ]),
    )
    .max(MAX_STEPS),
  special_tokens: z.record(z.string(), z.object({ ids: z.array(id).max(MAX_STEPS) })),
})
const KNOWN = 'Sequence, TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing'

/** Compiles the `post_processor` of a tokenizer.json for single texts; null adds nothing. Throws on an unknown type. */
export function compilePostProcessor(config: unknown): PostProcessor {
  if (config === null || config === undefined) return ids => ids
  const type = typeOf(config)
  switch (type) {
    case 'Sequence':
      return chain(sequence.parse(config).processors.map(compilePostProcessor))
    case 'TemplateProcessing':
      return compileTemplate(template.parse(config))
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const { cls, sep } = bert.parse(config)
      return ids => [cls[1]].concat(ids, sep[1])
    }
    case 'ByteLevel':
      // Moves offsets only.
      return ids => ids
    default:
      return unknownComponent('post-processor', type, KNOWN)
  }
}

const chain =
  (steps: readonly PostProcessor[]): PostProcessor =>
  ids =>
    steps.reduce((current, step) => step(current), ids)

function compileTemplate(config: z.infer<typeof template>): PostProcessor {
  const parts = config.single.map(part => {
    if ('Sequence' in part) return undefined
    const name = part.SpecialToken.id
    const special = Object.hasOwn(config.special_tokens, name) ? config.special_tokens[name] : undefined
    if (!special)
      throw new Error(`The tokenizer's template names the special token "${name}" but does not give its ids.`)
    return special.ids
  })
  return ids => ([] as number[]).concat(...parts.map(part => part ?? ids))
}
