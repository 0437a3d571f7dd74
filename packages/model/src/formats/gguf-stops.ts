import type { Config } from './config-fields.ts'
import { tokenType } from './gguf-token-types.ts'
import { type GgufMetadata, numberOf, numbersOf, stringsOf } from './gguf-value.ts'

/** Texts at which llama.cpp ends a turn whatever the file's keys say: they are looked for in the vocabulary. */
const turnEnds = new Set([
  '<|eot_id|>',
  '<|eom_id|>',
  '<|im_end|>',
  '<|end|>',
  '<end_of_turn>',
  '<turn|>',
  '<end_of_utterance>',
  '<EOT>',
])

/**
 * A token that ends a turn beside the one that ends a text: a list in generation_config.json or config.json has both. Undefined
 * when llama.cpp finds it by its text.
 */
export function turnEnd(
  config: Config,
  generationConfig: Config | undefined,
  tokens: readonly (string | undefined)[],
  eos: number | undefined,
): number | undefined {
  const stored = generationConfig?.eos_token_id ?? config.eos_token_id
  const ids: readonly unknown[] = Array.isArray(stored) ? stored : []
  return ids.find((id): id is number => {
    const text = typeof id === 'number' ? tokens[id] : undefined
    return id !== eos && text !== undefined && !turnEnds.has(text)
  })
}

/** Ids at which generation ends, that of the text first; undefined when the file names none. */
export function stopIds(metadata: GgufMetadata): readonly number[] | undefined {
  const named = ['eos', 'eot', 'eom'].flatMap(role => numberOf(metadata.get(`tokenizer.ggml.${role}_token_id`)) ?? [])
  const types = numbersOf(metadata.get('tokenizer.ggml.token_type')) ?? []
  const tokens = stringsOf(metadata.get('tokenizer.ggml.tokens')) ?? []
  const found = tokens.flatMap((text, id) => (types[id] === tokenType.control && turnEnds.has(text) ? [id] : []))
  const all = [...new Set([...named, ...found])]
  return all.length > 0 ? all : undefined
}
