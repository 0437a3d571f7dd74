import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ortNodeBackend } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { askPython, cases, compare, pythonHere, writeCase, writeTheirs } from '../src/index.ts'

const demo = fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url))
const ids = [1, 5, 17, 260, 42, 9, 100, 733]
const python = pythonHere()

test(python
  ? 'every folder opens in its Python package: matrices equal to the last bit, logits within 1e-3'
  : 'left out: folders in their Python packages; SINTER_PYTHON is not set (tools/python-clients/make-venv.sh)', async () => {
  if (!python) return console.warn('folders in their Python packages: left out, SINTER_PYTHON is not set')
  const folder = await mkdtemp(join(tmpdir(), 'python-clients-'))
  const backend = ortNodeBackend({ threads: 1, device: 'cpu' })
  try {
    const paths = cases.map(({ name }) => join(folder, name))
    for (const [i, each] of cases.entries()) expect(await writeCase(demo, paths[i]!, each)).toHaveLength(28)
    const answers = await askPython(python, ids, paths)
    for (const [i, answer] of answers.entries()) {
      if (answer.status === 'rejected') throw answer.reason
      const { matrices, different, logits } = await compare(answer.value, ids, backend)
      expect({ name: cases[i]!.name, matrices, different }).toEqual({
        name: cases[i]!.name,
        matrices: 28,
        different: [],
      })
      expect(logits, cases[i]!.name).toBeLessThan(1e-3)
    }
    expect(answers).toHaveLength(cases.length)
  } finally {
    await backend.close()
    await rm(folder, { recursive: true })
  }
}, 600_000)

test(python
  ? 'folders that the packages wrote are read: matrices equal to the last bit, logits within 1e-3'
  : 'left out: folders that Python packages wrote; SINTER_PYTHON is not set (tools/python-clients/make-venv.sh)', async () => {
  if (!python) return console.warn('folders that Python packages wrote: left out, SINTER_PYTHON is not set')
  const folder = await mkdtemp(join(tmpdir(), 'python-folders-'))
  const backend = ortNodeBackend({ threads: 1, device: 'cpu' })
  try {
    const { made, failed } = await writeTheirs(python, demo, folder)
    expect(failed).toEqual([])
    for (const answer of await askPython(python, ids, made)) {
      if (answer.status === 'rejected') throw answer.reason
      const { matrices, different, logits } = await compare(answer.value, ids, backend)
      expect({ name: answer.value.folder, matrices, different }).toEqual({
        name: answer.value.folder,
        matrices: 28,
        different: [],
      })
      expect(logits, answer.value.folder).toBeLessThan(1e-3)
    }
  } finally {
    await backend.close()
    await rm(folder, { recursive: true })
  }
}, 1_200_000)
