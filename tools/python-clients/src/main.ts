/** python-clients MODEL [CASE…]: writes a model in every format, opens each in its package, prints a table. SINTER_PYTHON must be set. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ortNodeBackend } from '@sinter/tensor-core'
import { askPython, pythonHere } from './ask-python.ts'
import { cases } from './cases.ts'
import { compare } from './compare.ts'
import { writeCase } from './write-case.ts'

const [model, ...names] = process.argv.slice(2)
const python = pythonHere()
if (!model || !python) throw new Error('usage: SINTER_PYTHON=…/bin/python node src/main.ts MODEL [CASE…]')
const ids = [1, 5, 17, 260, 42, 9, 100, 733]
const backend = ortNodeBackend({ threads: 2, device: 'cpu' })
const folder = await mkdtemp(join(tmpdir(), 'python-clients-'))
const wanted = cases.filter(({ name }) => names.length === 0 || names.includes(name))
const paths = wanted.map(({ name }) => join(folder, name))
const held: number[] = []
for (const [i, test] of wanted.entries()) held.push((await writeCase(model, paths[i]!, test)).length)
for (const [i, answer] of (await askPython(python, ids, paths)).entries()) {
  if (answer.status === 'rejected') {
    console.log([wanted[i]!.name, String(answer.reason)].join('\t'))
    continue
  }
  const { client, computes, matrices, different, logits } = await compare(answer.value, ids, backend)
  const equal = `${matrices - different.length} of ${held[i]} matrices equal`
  const pass = computes ? 'its own pass' : 'a plain pass with its matrices'
  console.log([wanted[i]!.name, client, equal, `logits ${logits.toExponential(1)}`, pass].join('\t'))
}
await backend.close()
await rm(folder, { recursive: true })
