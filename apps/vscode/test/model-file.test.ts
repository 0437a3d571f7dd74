import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { modelFile } from '../src/host/runs/model-file.ts'
import { workplace } from './engine-setup.ts'

vi.mock('vscode', () => ({
  FileType: { File: 1, Directory: 2 },
  Uri: { file: (fsPath: string) => ({ fsPath }) },
  l10n: { t: (text: string, parts: Readonly<Record<string, string>>) => text.replace('{path}', parts.path!) },
  workspace: {
    fs: {
      stat: async ({ fsPath }: { fsPath: string }) => ({ type: statSync(fsPath).isDirectory() ? 2 : 1 }),
      readDirectory: async ({ fsPath }: { fsPath: string }) => readdirSync(fsPath).map(name => [name, 1]),
    },
  },
}))

const { path } = workplace()
const folder = (name: string, ...files: string[]): string => {
  mkdirSync(path(`${name}/onnx`), { recursive: true })
  for (const file of files) writeFileSync(path(`${name}/${file}`), '')
  return path(name)
}
const found = async (where: string) => (await modelFile(where)).fsPath

test('the file that an editor opens is found in every kind of result', async () => {
  const dense = folder('dense', 'config.json', 'adapter.safetensors', 'model.safetensors')
  expect(await found(dense)).toBe(path('dense/model.safetensors'))
  const shards = ['model-00001-of-00002.safetensors', 'model.safetensors.index.json']
  expect(await found(folder('sharded', ...shards))).toBe(path('sharded/model.safetensors.index.json'))
  expect(await found(folder('sparse', 'model.sparse.safetensors'))).toBe(path('sparse/model.sparse.safetensors'))
  expect(await found(folder('gguf', 'model.gguf'))).toBe(path('gguf/model.gguf'))
  expect(await found(path('gguf/model.gguf'))).toBe(path('gguf/model.gguf'))
  expect(await found(folder('onnx', 'config.json', 'onnx/model_q4.onnx'))).toBe(path('onnx/onnx/model_q4.onnx'))
})

test('a folder without weights is named', async () => {
  await expect(modelFile(folder('empty', 'config.json'))).rejects.toThrow(`${path('empty')} has no weights`)
})
