import { stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import {
  type GenerateOptions,
  generate,
  openModel,
  renderChat,
  SinterError,
  type Tokenizer,
  textStream,
} from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import type { ChatParams, GenerateResult, SamplingParams } from '../../shared/protocol.ts'
import type { Handler, RequestContext } from '../handler.ts'

export const generateText: Handler<'generate'> = (params, context) =>
  continued(params, tokenizer => tokenizer.encode(params.prompt), context)

export const chat: Handler<'chat'> = (params, context) =>
  continued(params, tokenizer => promptOf(tokenizer, params), context)

/** Conversations are counted message by message, and a tokenizer takes a fifth of a second to make: the last one is kept. */
let counted: { readonly of: string; readonly tokenizer: Tokenizer } | undefined

export const countTokens: Handler<'countTokens'> = async ({ path, text }) => {
  const changed = await stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  )
  const of = `${path} ${changed}`
  if (counted?.of !== of) {
    const model = await openModel(path)
    await model.close()
    counted = { of, tokenizer: tokenizerOf(model) }
  }
  return { tokens: counted.tokenizer.encode(text, { addSpecialTokens: false }).length }
}

/** As the model's own template writes it; a model without one continues what was said. */
function promptOf(tokenizer: Tokenizer, { messages }: ChatParams): readonly number[] {
  if (tokenizer.chatTemplate === undefined) return tokenizer.encode(messages.map(({ content }) => content).join('\n'))
  return tokenizer.encode(renderChat(tokenizer, messages, { addGenerationPrompt: true }), { addSpecialTokens: false })
}

function tokenizerOf({ tokenizer, path }: { readonly tokenizer?: Tokenizer | undefined; readonly path: string }) {
  if (tokenizer) return tokenizer
  throw new SinterError('tokenizer', `${path} has no tokenizer; put its tokenizer.json into the model's folder`)
}

async function continued(
  params: SamplingParams,
  promptIn: (tokenizer: Tokenizer) => readonly number[],
  { signal, text }: RequestContext,
): Promise<GenerateResult> {
  const model = await openModel(params.path)
  const backend = ortNodeBackend({ threads: params.threads ?? availableParallelism() })
  try {
    const tokenizer = tokenizerOf(model)
    const prompt = [...promptIn(tokenizer)]
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

function options({ tokens, temperature = 0, topK, topP, seed = 0 }: SamplingParams): GenerateOptions {
  return {
    tokens,
    temperature,
    seed,
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
  }
}
