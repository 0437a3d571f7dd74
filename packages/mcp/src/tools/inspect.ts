import { openToLook, summarize, weigh } from '@sinter/model'
import { z } from 'zod'
import { path } from '../recipe.ts'
import { type AddTool, answer, failed } from '../tool.ts'

/** Rows that are given; the rest is counted. */
const MAX_TENSORS = 200

export const inspect: AddTool = ({ server, places }) =>
  server.registerTool(
    'inspect',
    {
      title: 'Inspect a model',
      description:
        'What a model is made of: family, sizes, how its tensors are stored and in how many bits. Reads only headers; changes nothing.',
      inputSchema: z.object({
        model: path('A Hugging Face folder, a .safetensors, .gguf or .onnx file.'),
        tensors: z.string().max(200).optional().describe('Lists tensors whose names contain this; "" for all.'),
      }),
      outputSchema: z.looseObject({
        model: z.string(),
        container: z.string(),
        parameters: z.number(),
        tensorBytes: z.number(),
        bitsPerWeight: z.number(),
        tensors: z.array(
          z.object({ name: z.string(), encoding: z.string(), shape: z.array(z.number()), bytes: z.number() }),
        ),
        more: z.number().describe('Tensors that are not listed.'),
      }),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ model: given, tensors: filter }) => {
      try {
        const opened = await openToLook(await places.existing(given))
        const { model, source, problem } = opened
        try {
          const names = filter === undefined ? [] : source.names().filter(name => name.includes(filter))
          const tensors = names.slice(0, MAX_TENSORS).map(name => {
            const { encoding, shape, bytes } = source.info(name)
            return { name, encoding, shape: [...shape], bytes }
          })
          const facts = model ? summarize(model) : { container: source.kind, problem, ...weigh(opened) }
          return answer({ model: given, ...facts, tensors, more: names.length - tensors.length })
        } finally {
          await source.close()
        }
      } catch (error) {
        return failed(error)
      }
    },
  )
