import { nullable, spellings } from '../config-keys.ts'
import { familyOf } from '../families/index.ts'
import { type Config, textConfig } from './config-fields.ts'

/**
 * The text model's config with what its family assumes for keys that are left out: configs in multimodal checkpoints say little.
 * A key that is given, in whichever spelling, keeps the spelling.
 * @throws FormatError `unsupported` for an unknown family
 */
export function withDefaults(fullConfig: Config): Config {
  const config = textConfig(fullConfig)
  const given = Object.entries(config).filter(([key, value]) => value !== null || nullable.has(key))
  const spelled = new Set(given.map(([key]) => spellings[key]))
  const assumed = Object.entries(familyOf(config.model_type).defaults).filter(([key]) => !spelled.has(key))
  return Object.fromEntries([...assumed, ...given])
}
