import { FormatError } from './format-error.ts'
import type { GgufFamily } from './gguf-family/family.ts'
import { gemma2, gemma3 } from './gguf-family/gemma.ts'
import { gptNeox } from './gguf-family/gpt-neox.ts'
import { gpt2 } from './gguf-family/gpt2.ts'
import { granite } from './gguf-family/granite.ts'
import { deci, llama } from './gguf-family/llama.ts'
import { olmo2 } from './gguf-family/olmo2.ts'
import { phi3 } from './gguf-family/phi3.ts'
import { qwen2, qwen3 } from './gguf-family/qwen.ts'
import { smollm3 } from './gguf-family/smollm3.ts'

/** One line a family of llama.cpp. */
export const ggufFamilies: readonly GgufFamily[] = [
  llama,
  deci,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  phi3,
  smollm3,
  olmo2,
  granite,
  gpt2,
  gptNeox,
]

/**
 * The family that llama.cpp runs a `model_type` with.
 * @param uneven whether blocks have sizes of their own
 * @throws FormatError `unsupported`
 */
export function ggufFamilyOf(modelType: unknown, uneven = false): GgufFamily {
  const family = ggufFamilies.find(({ modelTypes }) => modelTypes.includes(String(modelType)))
  if (family) return uneven ? unevenFamily(family) : family
  const known = [...new Set(ggufFamilies.flatMap(({ modelTypes }) => modelTypes))].join(', ')
  throw new FormatError(
    'unsupported',
    `GGUF has no place for a model of type ${JSON.stringify(modelType)}; it can be written for ${known}. Use --format hf`,
  )
}

function unevenFamily(family: GgufFamily): GgufFamily {
  if (family.unevenArch !== undefined) return ggufFamilyOfArch(family.unevenArch)
  const able = ggufFamilies.filter(({ unevenArch }) => unevenArch !== undefined).flatMap(({ modelTypes }) => modelTypes)
  throw new FormatError(
    'unsupported',
    `llama.cpp's ${family.arch} has blocks of one size; of several sizes it runs ${[...new Set(able)].join(', ')}. Use --format hf`,
  )
}

/** The family of a GGUF file. @throws FormatError `unsupported` */
export function ggufFamilyOfArch(arch: unknown): GgufFamily {
  const family = ggufFamilies.find(candidate => candidate.arch === arch)
  if (family) return family
  const known = ggufFamilies.map(candidate => candidate.arch).join(', ')
  throw new FormatError('unsupported', `GGUF architecture ${JSON.stringify(arch)} is not known here; known: ${known}`)
}
