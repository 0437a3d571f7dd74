import type { JsonObject } from '../formats/json-strict.ts'
import { dataError, excerpt } from './data-error.ts'
import { MAX_LINE_BYTES } from './limits.ts'
import { lineTooLong } from './lines.ts'
import { keysOf, readRecord } from './record.ts'

/** How documents are written: plain text, or JSON objects, one a line. */
export type DataFormat = 'text' | 'jsonl' | 'chat' | 'prompt-completion'

export const dataFormats: readonly DataFormat[] = ['text', 'jsonl', 'chat', 'prompt-completion']

/** The fields that JSON objects keep their text in. */
export interface DataFields {
  readonly text: string
  readonly prompt: string
  readonly completion: string
}

/** A name that says more than the first line could: a text may well begin with a brace. */
export const isTextName = (name: string): boolean => /\.txt$/i.test(name)

/**
 * The format of a file, by its name and the first line that is not blank.
 * @throws SinterError `data` when neither says it
 */
export function detectFormat(name: string, line: Uint8Array, fields: DataFields): DataFormat {
  if (isTextName(name)) return 'text'
  const json = /\.(jsonl|ndjson|json)$/i.test(name)
  const first = String.fromCharCode(line.find(byte => byte > 32) ?? 32)
  if (first === '{') return formatOf(name, line, fields)
  if (!json || first === ' ') return 'text'
  if (first === '[')
    throw dataError(
      name,
      'is one JSON list, which would have to be read whole; write its items one a line (jq -c ".[]")',
    )
  throw dataError(
    name,
    `expected one JSON object a line, got ${excerpt(line)}; if it is plain text, say so: format text (--format text)`,
  )
}

function formatOf(name: string, line: Uint8Array, fields: DataFields): DataFormat {
  if (line.length > MAX_LINE_BYTES) throw lineTooLong(`${name}:1`)
  const record = readRecord(line, `${name}, first line`)
  const format = formatOfRecord(record, fields)
  if (format) return format
  throw dataError(
    name,
    `expected "messages", "${fields.prompt}" with "${fields.completion}", or "${fields.text}"; the first line has ` +
      `${keysOf(record)}. Name the format (--format) and its field (--text-field …)`,
  )
}

function formatOfRecord(record: JsonObject, { text, prompt, completion }: DataFields): DataFormat | undefined {
  if (Array.isArray(record.messages)) return 'chat'
  if (typeof record[prompt] === 'string' && typeof record[completion] === 'string') return 'prompt-completion'
  return typeof record[text] === 'string' ? 'jsonl' : undefined
}
