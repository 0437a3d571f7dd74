import { availableParallelism } from 'node:os'
import { type GenerateOptions, generate, openModel, SinterError, textStream } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import type { GenerateParams } from '../../shared/protocol.ts'
import type { Handler } from '../handler.ts'

export const generateText: Handler<'generate'> = async (params, { signal, text }) => {
  const model = await openModel(params.path)
  const backend = ortNodeBackend({ threads: params.threads ?? availableParallelism() })
  try {
    const { tokenizer, path } = model
    if (!tokenizer)
      throw new SinterError('tokenizer', `${path} has no tokenizer; put its tokenizer.json into the model's folder`)
    const prompt = tokenizer.encode(params.prompt)
    const stream = textStream(tokenizer, prompt)
    let first: number | undefined
    for await (const id of generate(model, backend, prompt, { ...options(params), signal })) {
      first ??= performance.now()
      const piece = stream.push(id)
      if (piece !== '') text(piece)
    }
    const seconds = first === undefined ? 0 : (performance.now() - first) / 1000
    const rate = stream.ids.length > 1 && seconds > 0 ? (stream.ids.length - 1) / seconds : null
    return { text: stream.text(), ids: stream.ids, promptTokens: prompt.length, tokensPerSecond: rate }
  } finally {
    await backend.close()
    await model.close()
  }
}

function options({ tokens, temperature = 0, topK, topP, seed = 0 }: GenerateParams): GenerateOptions {
  return {
    tokens,
    temperature,
    seed,
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
  }
}
