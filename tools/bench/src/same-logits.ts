/**
 * Opens a dense result in Python transformers and compares its logits with ours, both in f32.
 *
 *   node --conditions=@sinter/source tools/bench/src/same-logits.ts --model DIR --text FILE --venv DIR [--tokens 200]
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { decodeSafetensors, encodeSafetensors, openModel } from '@sinter/model'

const root = join(import.meta.dirname, '../../..')
const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    text: { type: 'string' },
    venv: { type: 'string' },
    tokens: { type: 'string', default: '200' },
  },
})
const { model, text, venv } = values
if (!model || !text || !venv) throw new Error('give --model DIR, --text FILE and --venv DIR')

const folder = await mkdtemp(join(tmpdir(), 'sinter-logits-'))
const [tokens, ours, theirs] = ['tokens', 'ours', 'theirs'].map(name => join(folder, `${name}.safetensors`)) as [
  string,
  string,
  string,
]
const opened = await openModel(model)
const ids = Int32Array.from(
  opened.tokenizer!.encode((await readFile(text, 'utf8')).slice(0, 100_000), { addSpecialTokens: false }),
).slice(0, Number(values.tokens))
await opened.close()
await writeFile(
  tokens,
  encodeSafetensors(new Map([['input_ids', { dtype: 'i32', shape: [1, ids.length], data: ids }]])),
)
const run = (command: string, args: readonly string[]) => execFileSync(command, args, { stdio: 'inherit' })
const cli = join(root, 'apps/cli/src/main.ts')
run(process.execPath, ['--conditions=@sinter/source', cli, 'logits', model, '--tokens', tokens, '--out', ours])
run(join(venv, 'bin/python'), [join(import.meta.dirname, '../peers/transformers-logits.py'), model, tokens, theirs])
const read = async (path: string) =>
  decodeSafetensors(await readFile(path), path).tensors.get('logits')!.data as Float32Array
const [a, b] = [await read(ours), await read(theirs)]
let largest = 0
let size = 0
for (const [i, value] of a.entries()) {
  largest = Math.max(largest, Math.abs(value - b[i]!))
  size = Math.max(size, Math.abs(value))
}
console.log(
  JSON.stringify({ model, tokens: ids.length, logits: a.length, largestDifference: largest, largestLogit: size }),
)
await rm(folder, { recursive: true, force: true })
