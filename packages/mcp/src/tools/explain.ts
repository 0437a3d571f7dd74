import { findAnyMethod, formats, methods, metrics, presets, recipeJsonSchema, trainMethods } from '@sinter/engine'
import { z } from 'zod'
import { type AddTool, answer, failed } from '../tool.ts'

const entry = z.looseObject({ kind: z.string(), name: z.string(), title: z.string() })

/** All that has a name. */
const everything = () => [
  ...[...methods, ...trainMethods].map(({ kind, name, title, paper }) => ({
    kind: `method: ${kind}`,
    name,
    title,
    paper,
  })),
  ...presets.map(({ name, title }) => ({ kind: 'preset', name, title })),
  ...formats.map(({ name, title, types }) => ({ kind: 'format', name, title, types: [...types] })),
  ...metrics.map(({ name, title }) => ({ kind: 'metric', name, title })),
]

export const explain: AddTool = ({ server }) =>
  server.registerTool(
    'explain',
    {
      title: 'Explain methods, presets, formats and metrics',
      description:
        'What a method, preset, format or metric is, with the paper of a method and all its options; without a name, everything there is.',
      inputSchema: z.object({ name: z.string().max(100).optional().describe('Such as gptq, balanced, gguf, kl.') }),
      outputSchema: z.object({ entries: z.array(entry) }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ name }) => {
      try {
        if (name === undefined) return answer({ entries: everything() })
        const found = everything().filter(candidate => candidate.name.toLowerCase() === name.toLowerCase())
        // For the message that names what there is.
        if (found.length === 0) findAnyMethod(name)
        return answer({
          entries: found.map(one => (one.kind.startsWith('method') ? { ...one, ...optionsOf(one.name) } : one)),
        })
      } catch (error) {
        return failed(error)
      }
    },
  )

interface StepSchema {
  readonly properties: Readonly<Record<string, { readonly const?: unknown }>>
}

/** The schema of recipes knows every option: it is what is checked. */
function optionsOf(method: string): { readonly options?: unknown } {
  const schema = recipeJsonSchema() as { properties: { steps: { items: { oneOf: readonly StepSchema[] } } } }
  const step = schema.properties.steps.items.oneOf.find(({ properties }) => properties.method?.const === method)
  if (!step) return {}
  const { method: _, ...options } = step.properties
  return { options }
}
