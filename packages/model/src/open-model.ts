import { createModel } from './create-model.ts'
import { type Checkpoint, openCheckpoint } from './formats/hf-directory.ts'
import type { Model } from './model.ts'
import { loadTokenizer, type Tokenizer } from './tokenizer/tokenizer.ts'

/**
 * Opens a model: a Hugging Face folder, a .safetensors file with its config.json beside it, or a .gguf file. Weights are read
 * when they are asked for.
 * @throws FormatError that says what is missing, malformed or unknown
 */
export async function openModel(path: string): Promise<Model> {
  return modelOf(await openCheckpoint(path))
}

/** A model from an open checkpoint, which it takes over: closing the model closes it. */
export async function modelOf(checkpoint: Checkpoint): Promise<Model> {
  try {
    const { path, source } = checkpoint
    const tokenizer = checkpoint.hasTokenizer ? () => tokenizerOf(checkpoint) : undefined
    return createModel({ path, source, config: withStops(checkpoint), tokenizer })
  } catch (error) {
    await checkpoint.close()
    throw error
  }
}

/** generation_config.json knows the tokens that end a chat's turn; config.json often only the one that ends a text. */
function withStops({ config, generationConfig }: Checkpoint): Readonly<Record<string, unknown>> {
  const stops = generationConfig?.eos_token_id
  return stops == null ? config : { ...config, eos_token_id: stops }
}

function tokenizerOf({ tokenizerJson, tokenizerConfig, chatTemplate }: Checkpoint): Tokenizer | undefined {
  if (!tokenizerJson) return undefined
  return loadTokenizer({ tokenizerJson, tokenizerConfig, ...(chatTemplate !== undefined && { chatTemplate }) })
}
