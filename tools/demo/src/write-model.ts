import { join } from 'node:path'
import { atomicWriteFile, copySideFiles, createWeightsWriter, makeFolder, writeConfig } from '@sinter/model'
import { castTo, type TensorF32 } from '@sinter/tensor-core'
import { configOf, generationConfig, type LlamaShape } from './demo-config.ts'

const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json']

/**
 * A Hugging Face folder in bf16.
 * @param tokenizerFolder where the tokenizer's files are copied from
 */
export async function writeModel(
  folder: string,
  shape: LlamaShape,
  parameters: ReadonlyMap<string, TensorF32>,
  tokenizerFolder: string,
): Promise<void> {
  await makeFolder(folder)
  const names = [...parameters.keys()].toSorted()
  const specs = names.map(name => ({ name, dtype: 'bf16' as const, shape: parameters.get(name)!.shape }))
  const writer = createWeightsWriter(folder, specs)
  for (const name of names) await writer.write(name, castTo(parameters.get(name)!, 'bf16'))
  await writer.commit()
  await copySideFiles(tokenizerFolder, TOKENIZER_FILES, folder)
  await writeConfig(folder, configOf(shape))
  await atomicWriteFile(join(folder, 'generation_config.json'), `${JSON.stringify(generationConfig, null, 2)}\n`)
}
