import { SinterError } from '../errors.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { DataFields, DataFormat } from './data-format.ts'
import { decodeText } from './decode-text.ts'
import type { Document } from './document.ts'
import { encodeChat } from './encode-chat.ts'
import { encodePrompt } from './encode-prompt.ts'
import { framed, frameOf } from './frame.ts'
import { messagesOf, readRecord, textOf } from './record.ts'

/** From the bytes of a document to its tokens. @param where file and line, for messages */
export type Encode = (bytes: Uint8Array, where: string) => Document

/** An encoder for each format. */
export function createEncoders(
  tokenizer: Tokenizer,
  fields: DataFields,
  appendEos: boolean,
): { readonly [K in DataFormat]: Encode } {
  const frame = frameOf(tokenizer, appendEos)
  const plain = (text: string) => framed(frame, tokenizer.encode(text, { addSpecialTokens: false }))
  return {
    text: (bytes, where) => plain(decodeText(bytes, where)),
    jsonl: (bytes, where) => plain(textOf(readRecord(bytes, where), fields.text, 'textField (--text-field)', where)),
    chat: (bytes, where) => encodeChat(tokenizer, messagesOf(readRecord(bytes, where), where), where),
    'prompt-completion': (bytes, where) => {
      const record = readRecord(bytes, where)
      const prompt = textOf(record, fields.prompt, 'promptField (--prompt-field)', where)
      const completion = textOf(record, fields.completion, 'completionField (--completion-field)', where)
      return encodePrompt(tokenizer, frame, { prompt, completion }, where)
    },
  }
}

/** @throws SinterError `tokenizer` when conversations cannot be rendered */
export function checkTemplate(tokenizer: Tokenizer, format: DataFormat, where: string): void {
  if (format !== 'chat' || tokenizer.chatTemplate !== undefined) return
  throw new SinterError(
    'tokenizer',
    `${where} holds conversations, and the tokenizer has no chat template; put a chat_template.jinja into the model's ` +
      'folder, or write prompt and completion',
  )
}

/** Why a document has nothing to teach; undefined when it has. */
export function emptiness({ ids, targets }: Document, format: DataFormat): string | undefined {
  if (ids.length === 0) return 'the document has no token'
  if (ids.length === 1) return 'the document has one token, and nothing to predict it from'
  if (targets.includes(1)) return undefined
  const why = { chat: 'no turn is the assistant’s', 'prompt-completion': 'the completion is empty' }
  return `none of the ${ids.length} tokens is to be learnt: ${format in why ? why[format as keyof typeof why] : 'all are given'}`
}
