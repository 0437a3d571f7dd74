/** What real runtimes make of results: llama.cpp, ONNX Runtime, and transformers where SINTER_TEST_PYTHON names a Python with it. */

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Verification } from '@sinter/engine'
import { makeFolder, openCheckpoint, writeOnnx } from '@sinter/model'
import { canRunLlamaCpp } from '@sinter/model/testing'
import { beforeAll, describe, expect, test } from 'vitest'
import { demoModel, sinter, sinterJson, start, workplace } from './helpers/sinter.ts'

const { path, evaluation } = workplace()
const python = process.env.SINTER_TEST_PYTHON

/** Machines for which llama.cpp's library is installed (pnpm-workspace.yaml leaves the others out). */

const file = path('small.gguf')
beforeAll(() =>
  sinterJson('compress', demoModel, '--method', 'rtn', '--bits', '4', '--format', 'gguf:Q4_0', '--out', file),
)

/** A test that needs something; without it a passing test says what was left out. */
function testWith(title: string, needed: unknown, what: string, body: () => Promise<void>): void {
  // Importing torch takes most of a minute on a busy machine.
  if (needed) test(title, body, 240_000)
  else test(`left out: ${title}; ${what}`, () => console.warn(`${title}: left out, ${what}`))
}

describe.runIf(canRunLlamaCpp)('llama.cpp', () => {
  test('computes what we compute, up to its 8-bit activations, and cuts text the same way', async () => {
    const found = await sinterJson<Verification>('verify', file, '--original', demoModel, '--text', evaluation)
    expect(found).toMatchObject({ client: 'llama.cpp', ours: file, tokens: 64, agrees: true, sameTokens: true })
    const { largest, spread, mean, kl, topAgreement } = found.difference
    expect(largest / spread).toBeLessThan(0.1)
    // Its activations have 8 bits: no difference at all would mean that nobody asked it.
    expect(mean / spread).toBeGreaterThan(1e-4)
    expect(kl).toBeLessThan(0.002)
    expect(topAgreement).toBeGreaterThan(0.9)
    expect(found.original!.kl).toBeGreaterThan(kl)
    expect(found.greedy.same).toBeGreaterThan(0)
    expect(found.causes.join()).toMatch(/rounds activations to 8 bits.*KV cache/)
  })

  test('5: the same file, held to what 8-bit activations cannot keep', async () => {
    const { code, stdout, stderr } = await sinter('verify', file, '--tolerance', '0.0001')
    expect(code).toBe(5)
    expect(stdout).toMatch(/agrees +no/)
    expect(stderr).toMatch(/llama\.cpp computes something else than Sinter/)
  })

  test('5: a file on which llama.cpp aborts its process', async () => {
    // It asserts that this key is there.
    const bytes = readFileSync(file)
    const at = bytes.indexOf('llama.feed_forward_length')
    expect(at).toBeGreaterThan(0)
    bytes.write('llama.feed_forward_lengtX', at)
    writeFileSync(path('broken.gguf'), bytes)
    const { code, stderr } = await sinter('verify', path('broken.gguf'), '--original', demoModel)
    expect(stderr).toMatch(/llama\.cpp failed: /)
    expect(code).toBe(5)
  })

  test('6: without its package it is said how to get it', async () => {
    const hook = `import { registerHooks } from 'node:module'
registerHooks({ resolve(name, context, next) {
  if (name === 'node-llama-cpp') throw Object.assign(new Error('none'), { code: 'ERR_MODULE_NOT_FOUND' })
  return next(name, context)
} })`
    const options = `--import=data:text/javascript,${encodeURIComponent(hook)}`
    const { code, stderr } = await start(['verify', file], { NODE_OPTIONS: options }).finished
    expect(stderr).toMatch(/llama\.cpp is not here \(node-llama-cpp\); .*npm install node-llama-cpp/)
    expect(code).toBe(6)
  })
})

describe('ONNX Runtime', () => {
  async function exported(type: string, accuracyLevel: 1 | 4): Promise<string> {
    const checkpoint = await openCheckpoint(demoModel)
    const folder = path(`onnx-${type}-${accuracyLevel}`)
    await makeFolder(folder)
    await writeOnnx(folder, checkpoint, { type, accuracyLevel })
    await checkpoint.close()
    return folder
  }

  test('an export of ours computes what we compute with its codes, cache included', async () => {
    const found = await sinterJson<Verification>('verify', await exported('q4', 1))
    expect(found).toMatchObject({ client: 'ONNX Runtime', agrees: true })
    expect(found.difference.largest / found.difference.spread).toBeLessThan(1e-4)
    expect(found.greedy).toMatchObject({ same: 16, tokens: 16 })
  })

  test('its 8-bit activations are within the tolerance, and said', async () => {
    const found = await sinterJson<Verification>('verify', await exported('q4', 4))
    expect(found).toMatchObject({ agrees: true, causes: [expect.stringMatching(/rounds activations to 8 bits/)] })
    expect(found.difference.mean / found.difference.spread).toBeGreaterThan(1e-4)
  })

  test('a file that others wrote is compared with the model that it was made from', async () => {
    const folder = await exported('fp32', 1)
    // Without what our exports say of themselves it is anybody's file.
    const file = join(folder, 'onnx/model.onnx')
    const bytes = readFileSync(file)
    const at = bytes.indexOf('sinter')
    expect(at).toBeGreaterThan(0)
    for (let i = at; i >= 0; i = bytes.indexOf('sinter')) bytes.write('nobody', i)
    writeFileSync(file, bytes)
    const alone = await sinter('verify', folder)
    expect(alone.stderr).toMatch(/or give the model that it was made from with --original/)
    expect(alone.code).toBe(3)
    const found = await sinterJson<Verification>('verify', folder, '--original', demoModel)
    expect(found).toMatchObject({ client: 'ONNX Runtime', ours: demoModel, agrees: true })
    expect(found.difference.largest / found.difference.spread).toBeLessThan(1e-4)
  })

  test('5: a file that it does not open', async () => {
    const folder = path('onnx-broken')
    mkdirSync(folder)
    writeFileSync(join(folder, 'model.onnx'), 'nothing')
    const { code, stderr } = await sinter('verify', folder, '--original', demoModel)
    expect(stderr).toMatch(/ONNX Runtime failed: /)
    expect(code).toBe(5)
  })
})

describe('transformers', () => {
  testWith('computes what we compute', python, 'SINTER_TEST_PYTHON names no Python with transformers', async () => {
    const found = await sinterJson<Verification>('verify', demoModel, '--python', python!)
    expect(found).toMatchObject({ client: 'transformers', agrees: true, sameTokens: true, tolerance: 0.002 })
    expect(found.difference.largest / found.difference.spread).toBeLessThan(1e-4)
    expect(found.greedy).toMatchObject({ same: 16, tokens: 16 })
  })

  testWith(
    '5: a folder that lacks a matrix',
    python,
    'SINTER_TEST_PYTHON names no Python with transformers',
    async () => {
      const folder = path('lacking')
      cpSync(demoModel, folder, { recursive: true })
      // Tensors that are missing are drawn at random by transformers, which only says so.
      const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as object
      writeFileSync(join(folder, 'config.json'), JSON.stringify({ ...config, mlp_bias: true }))
      const { code, stderr } = await sinter('verify', folder, '--original', demoModel, '--python', python!)
      expect(stderr).toMatch(/tensors are not in the folder/)
      expect(code).toBe(5)
    },
  )

  /** A Python that answers what it is told to. */
  function fakePython(name: string, answer: string): string {
    writeFileSync(path(name), `#!/bin/sh\n${answer}\n`)
    chmodSync(path(name), 0o755)
    return path(name)
  }

  test('6: a Python without the packages: which, and how they are installed', async () => {
    const fake = fakePython('without', `echo '@@{"missing":["torch","transformers"]}'`)
    const { code, stderr } = await sinter('verify', demoModel, '--python', fake)
    expect(stderr).toMatch(/pip install torch transformers, and give that Python with --python PATH/)
    expect(code).toBe(6)
  })

  test('6: no Python', async () => {
    const { code, stderr } = await sinter('verify', demoModel, '--python', path('nowhere'))
    expect(stderr).toMatch(/there is no .*nowhere.*pip install torch transformers/)
    expect(code).toBe(6)
  })

  test('5: one that fails', async () => {
    const { code, stderr } = await sinter('verify', demoModel, '--python', fakePython('fails', 'echo why >&2; exit 3'))
    expect(stderr).toMatch(/transformers failed: why/)
    expect(code).toBe(5)
  })
})

test('2: a sparse folder is for Sinter alone, and it is said what to do', async () => {
  const folder = path('sparse')
  await sinterJson(
    'compress',
    demoModel,
    '--method',
    'magnitude',
    '--sparsity',
    '0.5',
    '--format',
    'sparse',
    '--out',
    folder,
  )
  expect(existsSync(join(folder, 'model.safetensors'))).toBe(false)
  const { code, stderr } = await sinter('verify', folder)
  expect(stderr).toMatch(/expand it first: sinter convert/)
  expect(code).toBe(2)
})

test('2: a thing that no client opens', async () => {
  const { code, stderr } = await sinter('verify', path('nothing'))
  expect(stderr).toMatch(/expected a \.gguf file, an ONNX folder/)
  expect(code).toBe(2)
})

test('3: a folder whose config.json is damaged, named', async () => {
  mkdirSync(path('damaged'))
  writeFileSync(path('damaged/config.json'), '{ "model_type": ')
  const { code, stderr } = await sinter('verify', path('damaged'))
  expect(code).toBe(3)
  expect(stderr).toContain('damaged/config.json')
})
