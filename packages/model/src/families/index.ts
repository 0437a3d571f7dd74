import { FormatError } from '../formats/format-error.ts'
import { nearestName } from '../nearest.ts'
import type { Family } from './family.ts'
import { gemma2 } from './gemma2.ts'
import { gemma3 } from './gemma3.ts'
import { gptNeox } from './gpt-neox.ts'
import { gpt2 } from './gpt2.ts'
import { granite } from './granite.ts'
import { llama } from './llama.ts'
import { mistral } from './mistral.ts'
import { olmo2 } from './olmo2.ts'
import { opt } from './opt.ts'
import { phi3 } from './phi3.ts'
import { qwen2 } from './qwen2.ts'
import { qwen3 } from './qwen3.ts'
import { smollm3 } from './smollm3.ts'

/** Every family that runs. */
export const families: readonly Family[] = [
  llama,
  mistral,
  qwen2,
  qwen3,
  gemma2,
  gemma3,
  phi3,
  smollm3,
  olmo2,
  granite,
  gpt2,
  opt,
  gptNeox,
]

/** @throws FormatError `unsupported` naming the nearest family when none answers to this `model_type` */
export function familyOf(modelType: unknown): Family {
  const known = families.flatMap(family => family.modelTypes)
  if (typeof modelType !== 'string')
    throw new FormatError('schema', `config.json: expected "model_type", one of ${known.join(', ')}`)
  const found = families.find(family => family.modelTypes.includes(modelType))
  if (found) return found
  throw new FormatError(
    'unsupported',
    `config.json: model_type ${JSON.stringify(modelType.slice(0, 64))} is no known family; ` +
      `the nearest name is "${nearestName(modelType, known)}". Known: ${known.join(', ')}`,
  )
}
