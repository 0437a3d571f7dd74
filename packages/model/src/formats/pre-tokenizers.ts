import { isObject, type Json } from './json-strict.ts'

/**
 * How llama.cpp names the ways in which byte-level BPE tokenizers cut text before merging, and what tokenizer.json says for
 * each. The patterns are data that the models were trained with.
 */
interface PreTokenizer {
  readonly name: string
  /** `ignore_merges` that the name implies, where it matters. */
  readonly ignoreMerges?: boolean
  readonly json: Json
}

const byteLevel = (useRegex: boolean): Json => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
})
const split = (pattern: string): Json => ({
  type: 'Split',
  pattern: { Regex: pattern },
  behavior: 'Isolated',
  invert: false,
})
const sequence = (...pretokenizers: readonly Json[]): Json => ({ type: 'Sequence', pretokenizers })
const splitOnly = (...patterns: readonly string[]): Json => sequence(...patterns.map(split), byteLevel(false))

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
const words = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+'
const rest = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
const restSlash = rest.replace('[\\r\\n]*', '[\\r\\n/]*')
const threeDigits = `${contractions}|${words}|\\p{N}{1,3}|${rest}`
const cased =
  '[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+X|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*X'

const preTokenizers: readonly PreTokenizer[] = [
  { name: 'gpt-2', json: byteLevel(true) },
  { name: 'smollm', json: sequence({ type: 'Digits', individual_digits: true }, byteLevel(true)) },
  { name: 'llama-bpe', ignoreMerges: true, json: splitOnly(threeDigits) },
  { name: 'dbrx', ignoreMerges: false, json: splitOnly(threeDigits) },
  { name: 'qwen2', json: splitOnly(`${contractions}|${words}|\\p{N}|${rest}`) },
  {
    name: 'qwen35',
    json: splitOnly(
      `${contractions}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}|${rest.replace('[^\\s\\p{L}\\p{N}]', '[^\\s\\p{L}\\p{M}\\p{N}]')}`,
    ),
  },
  { name: 'gpt-4o', json: splitOnly(`${cased.replaceAll('X', `${contractions}?`)}|\\p{N}{1,3}|${restSlash}`) },
  { name: 'tekken', ignoreMerges: true, json: splitOnly(`${cased.replaceAll('X', '')}|\\p{N}|${restSlash}`) },
]

/** Fields that change offsets or nothing at all, not where text is cut. */
const irrelevant = new Set(['trim_offsets', 'invert', 'add_prefix_space'])

/** The same cuts give the same text: one-element sequences are opened, the order of keys and idle fields do not count. */
function canonical(json: unknown): string {
  if (Array.isArray(json)) return `[${json.map(canonical).join()}]`
  if (!isObject(json)) return JSON.stringify(json ?? null)
  const inner = json.pretokenizers
  if (json.type === 'Sequence' && Array.isArray(inner) && inner.length === 1) return canonical(inner[0])
  const filled: Readonly<Record<string, unknown>> = json.type === 'ByteLevel' ? { use_regex: true, ...json } : json
  const keys = Object.keys(filled).filter(key => !irrelevant.has(key))
  return `{${keys
    .sort()
    .map(key => `${key}:${canonical(filled[key])}`)
    .join()}}`
}

/** llama.cpp's name for a pre-tokenizer of tokenizer.json, or undefined when it has none that cuts the same. */
export function preTokenizerName(json: unknown, ignoreMerges: boolean): string | undefined {
  if (addsPrefixSpace(json)) return undefined
  const wanted = canonical(json)
  return preTokenizers.find(
    row => canonical(row.json) === wanted && (row.ignoreMerges === undefined || row.ignoreMerges === ignoreMerges),
  )?.name
}

const addsPrefixSpace = (json: unknown): boolean => JSON.stringify(json ?? null).includes('"add_prefix_space":true')

/** Names of llama.cpp that cut as another one does. */
const synonyms: Readonly<Record<string, string>> = {
  llama3: 'llama-bpe',
  'llama-v3': 'llama-bpe',
  'smaug-bpe': 'dbrx',
  refact: 'smollm',
  starcoder: 'smollm',
  'command-r': 'smollm',
  codeshell: 'smollm',
  olmo: 'gpt-2',
  mpt: 'gpt-2',
  'phi-2': 'gpt-2',
  stablelm2: 'qwen2',
  'deepseek-r1-qwen': 'qwen2',
  megrez: 'qwen2',
  llama4: 'gpt-4o',
}

/** What tokenizer.json would say for a name of llama.cpp, or undefined when it is not known here. */
export function preTokenizerJson(name: string): { readonly json: Json; readonly ignoreMerges: boolean } | undefined {
  const row = preTokenizers.find(candidate => candidate.name === (synonyms[name] ?? name))
  return row && { json: row.json, ignoreMerges: row.ignoreMerges ?? false }
}
