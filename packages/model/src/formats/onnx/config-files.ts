import { join } from 'node:path'
import type { ModelConfig } from '../../config.ts'
import { atomicWriteFile } from '../../io/atomic.ts'
import { type Config, textConfig } from '../config-fields.ts'
import type { GgufCheckpoint } from '../gguf-convert.ts'
import { writeTokenizerFiles } from '../hf-write.ts'
import { pastName, presentName } from './attention.ts'
import { ATTENTION_MASK, INPUT_IDS, POSITION_IDS } from './sequence.ts'
import type { OnnxType } from './types.ts'

export interface ConfigFiles {
  readonly folder: string
  readonly checkpoint: GgufCheckpoint
  readonly config: ModelConfig
  readonly type: OnnxType
  /** Name of the model file in `onnx/`, and how many data files it has. */
  readonly file: string
  readonly chunks: number
  readonly genai: boolean
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** The files around a model that say what it is: those of a Hugging Face folder, and what the two runtimes add. */
export async function writeConfigFiles(files: ConfigFiles): Promise<void> {
  const { folder, checkpoint, genai } = files
  await atomicWriteFile(join(folder, 'config.json'), json(configOf(files)))
  await atomicWriteFile(
    join(folder, 'generation_config.json'),
    json(checkpoint.generationConfig ?? generationOf(files)),
  )
  const { tokenizerJson, tokenizerConfig, chatTemplate } = checkpoint
  await writeTokenizerFiles(folder, {
    tokenizerJson,
    ...(tokenizerConfig && { tokenizerConfig }),
    ...(chatTemplate !== undefined && { chatTemplate }),
  })
  if (genai) await atomicWriteFile(join(folder, 'genai_config.json'), json(genaiOf(files)))
}

/** The text model's configuration; the sizes of the cache are spelled out, for transformers.js has no defaults of families. */
function configOf({ checkpoint, config, type, file, chunks }: ConfigFiles): Config {
  const { quantization_config: _, text_config, ...file0 } = checkpoint.config
  const own = text_config ? textConfig(checkpoint.config) : file0
  const { text_config: __, quantization_config: ___, ...text } = own
  return {
    ...text,
    ...(text.n_head === undefined && { num_key_value_heads: config.kvHeads, head_dim: config.headDim }),
    'transformers.js_config': { dtype: type.dtype, use_external_data_format: { [file]: chunks } },
  }
}

const generationOf = ({ config: { bosId, eosIds } }: ConfigFiles): Config => ({
  ...(bosId !== undefined && { bos_token_id: bosId }),
  ...(eosIds.length > 0 && { eos_token_id: eosIds.length === 1 ? eosIds[0] : eosIds }),
})

/** What onnxruntime-genai documents of its configuration; its search options are left at its defaults. */
function genaiOf({ config, file, checkpoint }: ConfigFiles): Config {
  const names = (part: 'key' | 'value', name: typeof pastName) => name(0, part).replace('.0.', '.%d.')
  const padding = checkpoint.generationConfig?.pad_token_id ?? checkpoint.config.pad_token_id ?? config.eosIds[0] ?? 0
  return {
    model: {
      type: config.modelType,
      vocab_size: config.vocabSize,
      context_length: config.maxPositions,
      ...(config.bosId !== undefined && { bos_token_id: config.bosId }),
      ...(config.eosIds.length > 0 && { eos_token_id: config.eosIds }),
      pad_token_id: padding,
      decoder: {
        session_options: { log_id: 'onnxruntime-genai', provider_options: [] },
        filename: `onnx/${file}`,
        head_size: config.headDim,
        hidden_size: config.hiddenSize,
        num_attention_heads: config.heads,
        num_hidden_layers: config.blocks,
        num_key_value_heads: config.kvHeads,
        inputs: {
          input_ids: INPUT_IDS,
          attention_mask: ATTENTION_MASK,
          position_ids: POSITION_IDS,
          past_key_names: names('key', pastName),
          past_value_names: names('value', pastName),
        },
        outputs: {
          logits: 'logits',
          present_key_names: names('key', presentName),
          present_value_names: names('value', presentName),
        },
      },
    },
    search: { do_sample: false, max_length: config.maxPositions, past_present_share_buffer: false },
  }
}
