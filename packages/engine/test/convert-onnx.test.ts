import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openModel } from '@sinter/model'
import { InferenceSession } from 'onnxruntime-node'
import { afterAll, expect, test } from 'vitest'
import { compress, openConversion } from '../src/index.ts'
import { demoPath, plan, rtn } from './plan-setup.ts'

const folder = await mkdtemp(join(tmpdir(), 'sinter-onnx-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

async function convert(input: string, to: string) {
  const { rows, losses, write, close } = await openConversion(input, { to })
  const events = write({ out: await mkdtemp(join(folder, 'out-')), threads: 1 })
  let event = await events.next()
  while (!event.done) event = await events.next()
  await close()
  return { out: event.value.path, rows, losses }
}

test('a plain model is rounded as the type says, and so says the plan', async () => {
  const { out, rows, losses } = await convert(demoPath, 'onnx:q4')
  expect(losses).toEqual([
    '1 tensor of BF16 is rounded to MatMulNBits:8',
    '28 tensors of BF16 are rounded to MatMulNBits:4',
  ])
  const model = await openModel(out)
  for (const { tensor, to, bytes } of rows) {
    const info = model.source.info(tensor)
    expect({ tensor, to, bytes }).toEqual({ tensor, to: info.encoding, bytes: info.bytes })
  }
  // ggml rounds to the same grid, 4 bits in blocks of 32; where a number lies in the middle, or a scale was rounded, it may
  // take the next level.
  const { out: file } = await convert(demoPath, 'gguf:Q4_0')
  const gguf = await openModel(file)
  const name = 'model.layers.1.mlp.down_proj.weight'
  expect(gguf.source.info(name).encoding).toBe('Q4_0')
  const [ours, ggml] = [await model.source.read(name), await gguf.source.read(name)].map(t => t.data as Float32Array)
  let same = 0
  for (let start = 0; start < ours!.length; start += 32) {
    const block = ggml!.subarray(start, start + 32)
    const step = Math.max(...block.map(Math.abs)) / 7
    for (const [i, value] of block.entries()) {
      const difference = Math.abs(value - ours![start + i]!)
      expect(difference).toBeLessThanOrEqual(step)
      if (difference === 0) same++
    }
  }
  expect(same / ours!.length).toBeGreaterThan(0.99)
  await Promise.all([model.close(), gguf.close()])
}, 60_000)

test('codes that a method chose are kept, and the rest is not rounded beside them', async () => {
  const out = join(folder, 'gptq')
  for await (const _ of compress(await plan([rtn], { output: { format: 'gptq' } }), { out }));
  const { rows } = await convert(out, 'onnx:q4')
  expect(rows.filter(({ kept }) => kept)).toHaveLength(28)
  expect(rows.find(({ tensor }) => tensor === 'model.embed_tokens.weight')?.to).toBe('F16')
}, 60_000)

test('for onnxruntime-genai: the inputs and outputs are those that its configuration names, and no others', async () => {
  const { out } = await convert(demoPath, 'onnx-genai:q4')
  const { model } = JSON.parse(await readFile(join(out, 'genai_config.json'), 'utf8'))
  const { filename, inputs, outputs, num_hidden_layers: blocks } = model.decoder
  const named = (names: Record<string, string>): string[] =>
    Object.values(names)
      .flatMap(name =>
        name.includes('%d') ? Array.from({ length: blocks }, (_, i) => name.replace('%d', `${i}`)) : name,
      )
      .sort()
  const session = await InferenceSession.create(join(out, filename))
  expect([...session.inputNames].sort()).toEqual(named(inputs))
  expect([...session.outputNames].sort()).toEqual(named(outputs))
  await session.release()
}, 60_000)
