import {
  createModel,
  FormatError,
  type GgufSource,
  ggufModel,
  loadTokenizer,
  openGgufFile,
  parseGgufHeader,
} from '@sinter/model'
import { ggufSeeds } from './gguf-seeds.ts'
import { memoryFile } from './memory-file.ts'
import type { Random } from './random.ts'
import type { Target } from './target.ts'

/** Headers and bodies of GGUF: what is accepted is decoded, taken for a model, and its tokenizer made and used. */
export async function ggufTarget(): Promise<Target> {
  return { name: 'gguf', seeds: await ggufSeeds(), read }
}

async function read(bytes: Uint8Array, random: Random): Promise<string> {
  // A hole of a terabyte costs an attacker nothing, and makes every count plausible.
  if (random.below(4) === 0) return parseGgufHeader(bytes, 2 ** 40, 'file') ? 'header accepted' : 'wants to read on'
  const file = await openGgufFile(memoryFile(bytes))
  for (const name of file.names()) await readTensor(file, name)
  return (await refusal(() => takeForModel(file))) ?? 'model accepted'
}

async function readTensor(file: GgufSource, name: string): Promise<void> {
  const { shape } = file.info(name)
  await file.read(name)
  if ((shape[0] ?? 0) > 1) await file.readRows(name, 1, 1)
  await file.readBytes(name)
}

async function takeForModel(file: GgufSource): Promise<string> {
  const { config, source, tokenizer } = await ggufModel(file, 'file')
  const made = tokenizer && loadTokenizer(tokenizer)
  if (made) made.decode(made.encode('Hello  wörld 12'))
  const model = createModel({ config, source, path: 'file' })
  await model.readBlock(0)
  return made ? 'model with tokenizer accepted' : 'model accepted'
}

/** The file was sound; how far it came as a model is told apart. */
async function refusal(action: () => Promise<string>): Promise<string> {
  try {
    return await action()
  } catch (error) {
    if (error instanceof FormatError) return `model refused: ${error.code}`
    throw error
  }
}
