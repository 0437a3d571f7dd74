/**
 * Makes a byte-level BPE tokenizer of 1,024 tokens from three million characters of the small world.
 *
 *   node --conditions=@sinter/source tools/demo/src/train-tokenizer.ts --out tokenizer.json
 */
import { parseArgs } from 'node:util'
import { worldDocuments } from '@sinter/eval/world'
import { atomicWriteFile } from '@sinter/model'
import { countWords } from './byte-words.ts'
import { demoShape } from './demo-config.ts'
import { tokenizerFile } from './tokenizer-file.ts'

const { out } = parseArgs({ options: { out: { type: 'string' } } }).values
if (!out) throw new Error('give --out, the file to write')

const documents = worldDocuments({ seed: 'tokenizer', characters: 3e6, half: 'calibration' })
const words = countWords(documents.map(({ text }) => text))
await atomicWriteFile(out, `${JSON.stringify(tokenizerFile(words, demoShape.vocabulary), null, 2)}\n`)
