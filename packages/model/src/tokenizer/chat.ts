import { Template } from '@huggingface/jinja'
import type { Tokenizer } from './tokenizer.ts'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | (string & {})
  readonly content: string
}

/** Characters of a template. The longest in use, with tools and several languages, has about 25,000. */
const MAX_TEMPLATE_LENGTH = 1 << 20

/**
 * Writes a conversation as the text that the model was trained on, by its chat template. Encode the result with
 * `addSpecialTokens: false`: the template writes the special tokens itself.
 * @param options.addGenerationPrompt ends with the opening of the assistant's turn; on by default
 * @throws when the tokenizer has no template, or the template refuses the conversation
 */
export function renderChat(
  tokenizer: Pick<Tokenizer, 'chatTemplate' | 'bosToken' | 'eosToken'>,
  messages: readonly ChatMessage[],
  { addGenerationPrompt = true }: { addGenerationPrompt?: boolean } = {},
): string {
  const source = tokenizer.chatTemplate
  if (source === undefined) {
    throw new Error(
      'The tokenizer has no chat template, so the model takes plain text: give a prompt instead of messages.',
    )
  }
  if (source.length > MAX_TEMPLATE_LENGTH) {
    throw new Error(`The chat template has ${source.length} characters; at most ${MAX_TEMPLATE_LENGTH} are read.`)
  }
  try {
    return compile(source).render({
      messages: messages.map(message => ({ ...message })),
      add_generation_prompt: addGenerationPrompt,
      bos_token: tokenizer.bosToken ?? '',
      eos_token: tokenizer.eosToken ?? '',
    })
  } catch (error) {
    // Templates refuse by calling raise_exception, for instance when two turns of the user follow each other.
    throw new Error(`The chat template refuses this conversation: ${(error as Error).message}`)
  }
}

let compiled: { readonly source: string; readonly template: Template } | undefined

/** The last one is kept: a training set is rendered by one template, several times a conversation. */
function compile(source: string): Template {
  if (compiled?.source !== source) compiled = { source, template: new Template(source) }
  return compiled.template
}
