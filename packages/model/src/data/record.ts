import { SinterError } from '../errors.ts'
import { isObject, type JsonObject, parseJsonStrict } from '../formats/json-strict.ts'
import type { ChatMessage } from '../tokenizer/chat.ts'
import { dataError, excerpt, kindOf } from './data-error.ts'
import { MAX_MESSAGES } from './limits.ts'

/** One line of a JSONL file. @throws SinterError `data` that says what came instead of an object */
export function readRecord(bytes: Uint8Array, where: string): JsonObject {
  const record = parse(bytes, where)
  if (isObject(record)) return record
  throw dataError(where, `expected one JSON object a line, got ${kindOf(record)}: ${excerpt(bytes)}`)
}

function parse(bytes: Uint8Array, where: string): unknown {
  try {
    return parseJsonStrict(bytes, where)
  } catch (cause) {
    const { message } = cause as Error
    throw new SinterError('data', `${message}; expected one JSON object a line, got ${excerpt(bytes)}`, { cause })
  }
}

/** @param option how a caller names another field, for the message */
export function textOf(record: JsonObject, field: string, option: string, where: string): string {
  const value = record[field]
  if (typeof value === 'string') return value
  throw dataError(
    where,
    `expected a text in "${field}", got ${kindOf(value)}; the line has ${keysOf(record)}. Another field is named by ${option}`,
  )
}

export const keysOf = (record: JsonObject): string =>
  Object.keys(record)
    .slice(0, 8)
    .map(key => JSON.stringify(key.slice(0, 40)))
    .join(', ') || 'no keys'

/** A conversation: `messages: [{ role, content }]`. */
export function messagesOf({ messages }: JsonObject, where: string): ChatMessage[] {
  if (!Array.isArray(messages) || messages.length === 0)
    throw dataError(where, `expected "messages", a list of turns { role, content }, got ${emptyOr(messages)}`)
  if (messages.length > MAX_MESSAGES)
    throw dataError(where, `the conversation has ${messages.length} turns; at most ${MAX_MESSAGES} are read: divide it`)
  return messages.map((message: unknown, turn) => messageOf(message, `${where}: messages[${turn}]`))
}

const emptyOr = (value: unknown): string => (Array.isArray(value) ? 'an empty list' : kindOf(value))

function messageOf(message: unknown, where: string): ChatMessage {
  if (!isObject(message)) throw dataError(where, `expected { role, content }, got ${kindOf(message)}`)
  const { role, content } = message
  if (typeof role !== 'string' || role === '')
    throw dataError(
      where,
      `expected a role such as "user" or "assistant", got ${role === '' ? 'an empty text' : kindOf(role)}`,
    )
  if (typeof content !== 'string')
    throw dataError(where, `expected a text in "content", got ${kindOf(content)}; parts and tool calls are not read`)
  // Left out in silence, a call would teach an answer that the data do not hold.
  if (Array.isArray(message.tool_calls) && message.tool_calls.length > 0)
    throw dataError(where, 'tool calls are not read; write them into "content" as the model should say them')
  return { role, content }
}
