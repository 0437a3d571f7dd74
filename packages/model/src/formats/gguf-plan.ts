import type { TensorF32 } from '@sinter/tensor-core'
import { withDefaults } from './config-defaults.ts'
import { type Config, headsOf, isUneven, textConfig } from './config-fields.ts'
import { FormatError } from './format-error.ts'
import { ggufFamilyOf } from './gguf-families.ts'
import type { GgufFamily } from './gguf-family/family.ts'
import { type GgufLayout, ggufLayout, ggufShape } from './gguf-layout.ts'
import { configToMetadata } from './gguf-metadata.ts'
import { blockOf, ggufName } from './gguf-names.ts'
import type { GgufValue } from './gguf-value.ts'
import type { TensorSource } from './source.ts'

/** One tensor of the GGUF file to be written. */
export interface GgufPlanTensor {
  readonly name: string
  /** The Hugging Face tensor that it is made from by `toGgufLayout`. */
  readonly from: string
  /** `[out, in]` */
  readonly shape: readonly number[]
  readonly layout: GgufLayout
  /** Vectors and norms: llama.cpp computes with them in f32 and refuses other types for many. */
  readonly keepF32: boolean
}

/** A checkpoint as GGUF will hold it. */
export interface GgufPlan {
  readonly family: GgufFamily
  /** All but the tokenizer and `general.file_type`. */
  readonly metadata: ReadonlyMap<string, GgufValue>
  readonly tensors: readonly GgufPlanTensor[]
  /** Tables that no Hugging Face tensor holds. */
  readonly extra: ReadonlyMap<string, TensorF32>
  /** Where llama.cpp will compute something else. */
  readonly notes: readonly string[]
}

/**
 * Says how a Hugging Face checkpoint becomes a GGUF file.
 * @throws FormatError `unsupported` when llama.cpp does not have the family or an option of it
 */
export function planGguf(fullConfig: Config, source: Pick<TensorSource, 'names' | 'info'>): GgufPlan {
  const given = textConfig(fullConfig)
  const family = ggufFamilyOf(given.model_type ?? fullConfig.model_type, isUneven(given))
  const config = withDefaults(fullConfig)
  const { keys, tensors: extra, notes } = configToMetadata(family, config)
  const tied = tiedOutput(family, config, source.names())
  const tensors: GgufPlanTensor[] = []
  const add = (name: string, from: string): void => {
    const stored = source.info(from).shape
    // A transposed tensor's rows are its last axis; none of those has heads.
    const layout = ggufLayout(family, from, headsOf(config, blockOf(family, from)), stored[0] ?? 0)
    const shape = ggufShape(layout, stored)
    tensors.push({ name, from, shape, layout, keepF32: shape.length === 1 || name.endsWith('_norm.weight') })
  }
  for (const from of source.names()) {
    const name = nameOrSkip(family, from)
    if (name === undefined || (name === 'output.weight' && tied)) continue
    add(name, from)
    if (name === 'token_embd.weight' && family.needsOutput && tied) add('output.weight', from)
  }
  return { family, metadata: keys, tensors: inFileOrder(tensors), extra: new Map(extra), notes }
}

function tiedOutput(family: GgufFamily, config: Config, names: readonly string[]): boolean {
  const [outputName] = family.root.find(([, gguf]) => gguf === 'output') ?? ['lm_head']
  const stored = names.some(name => name.endsWith(`${outputName}.weight`))
  const tied = !stored || (config.tie_word_embeddings ?? family.tiedByDefault) === true
  if (!tied && family.neverOutput)
    throw new FormatError(
      'unsupported',
      `llama.cpp's ${family.arch} has no output embedding of its own. Use --format hf`,
    )
  return tied
}

function nameOrSkip(family: GgufFamily, from: string): string | undefined {
  // Vision towers of multimodal checkpoints belong into a file of their own.
  if (/^(model\.)?(vision_tower|multi_modal_projector|vision_model)\./.test(from)) return undefined
  try {
    return ggufName(family, from)
  } catch (cause) {
    throw new FormatError('unsupported', `${(cause as Error).message}. Use --format hf`, { cause })
  }
}

/** As other converters write it: the outside first, then block by block; readers stream better that way. */
function inFileOrder(tensors: readonly GgufPlanTensor[]): readonly GgufPlanTensor[] {
  const block = (name: string): number => Number(/^blk\.(\d+)\./.exec(name)?.[1] ?? -1)
  return tensors.toSorted((a, b) => block(a.name) - block(b.name))
}
