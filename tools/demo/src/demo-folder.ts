import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadTokenizer, type Tokenizer } from '@sinter/model'

/** The embedded model. */
export const demoModel: string = fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url))

/** The tokenizer of a folder that need not hold a model. */
export function tokenizerIn(folder: string): Tokenizer {
  const file = (name: string): string => readFileSync(join(folder, name), 'utf8')
  return loadTokenizer({
    tokenizerJson: file('tokenizer.json'),
    tokenizerConfig: file('tokenizer_config.json'),
  })
}
