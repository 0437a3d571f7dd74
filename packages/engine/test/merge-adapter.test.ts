import { readdir, readFile, writeFile } from 'node:fs/promises'
import { FormatError, openGguf } from '@sinter/model'
import { describe, expect, test } from 'vitest'
import { mergeAdapter } from '../src/train/merge-adapter.ts'
import { at, bytesOf, demoPath, refusal, runTraining } from './train-setup.ts'

const f32 = { format: 'hf:f32' }

describe('an adapter alone', () => {
  test.each([
    ['lora', {}, undefined, 28],
    ['qlora', { backbone: { method: 'nf4' } }, 'nf4', 28],
    ['adalora', { method: { name: 'adalora', rank: 3 } }, undefined, expect.any(Number)],
  ])('%s: merged, it is the model that the run would have written', async (name, over, backbone, layers) => {
    const [whole, alone, merged] = [at(`${name}-whole`), at(`${name}-alone`), at(`${name}-merged`)]
    await runTraining({ ...over, output: f32 }, { out: whole })
    const { result } = await runTraining({ ...over, output: { adapterOnly: true } }, { out: alone })
    expect((await readdir(result.path)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
    const found = await mergeAdapter(alone, { model: demoPath, out: merged, format: 'hf:f32', backbone })
    expect(found).toMatchObject({ path: merged, layers })
    expect(await bytesOf(merged)).toEqual(await bytesOf(whole))
  })

  test('for llama.cpp', async () => {
    const output = { format: 'gguf:F32', adapterOnly: true }
    const { result } = await runTraining({ steps: 2, output }, { out: at('adapter.gguf') })
    expect(result.path).toBe(at('adapter.gguf'))
    const source = await openGguf(result.path)
    expect(source.metadata.get('general.type')).toMatchObject({ value: 'adapter' })
    expect(source.names()).toHaveLength(56)
    await source.close()
    await runTraining({ steps: 2, output: { adapterOnly: true } }, { out: at('same-adapter') })
    for (const [adapter, out] of [
      [result.path, at('from-gguf')],
      [at('same-adapter'), at('from-peft')],
    ] as const)
      expect(await mergeAdapter(adapter, { model: demoPath, out, format: 'hf:f32' })).toMatchObject({ layers: 28 })
    expect(await bytesOf(at('from-gguf'))).toEqual(await bytesOf(at('from-peft')))
  })

  test('in pieces of time: stopped as a model, finished as an adapter', async () => {
    const controller = new AbortController()
    const stop = ({ type }: { type: string }) => type === 'saved' && controller.abort()
    const out = at('changed-mind')
    await runTraining({ output: f32 }, { out, signal: controller.signal }, stop).catch(() => {})
    await runTraining({ output: { adapterOnly: true } }, { out, resume: true })
    await runTraining({ output: { adapterOnly: true } }, { out: at('one-mind') })
    expect(await bytesOf(out)).toEqual(await bytesOf(at('one-mind')))
  })
})

describe('merging refuses', () => {
  const merge = (adapter: string, over = {}) => mergeAdapter(adapter, { model: demoPath, out: at('no'), ...over })

  test('what is no adapter', async () => {
    const failed = merge(demoPath)
    await expect(failed).rejects.toThrow(/adapter_config\.json: cannot be opened/)
    expect(await failed.catch(error => error)).toBeInstanceOf(FormatError)
  })

  test('an output that is in the way, before anything is read', async () => {
    await expect(merge(demoPath, { out: demoPath })).rejects.toThrow(/exists and is not empty/)
  })

  test('a backbone that cannot be made', async () => {
    await runTraining({ steps: 1, output: { adapterOnly: true } }, { out: at('small-alone') })
    expect((await refusal(merge(at('small-alone'), { backbone: 'nf5' }))).message).toMatch(/did you mean "nf4"/)
    expect((await refusal(merge(at('small-alone'), { backbone: 'gptq' }))).message).toMatch(
      /more than the matrices.*nf4/,
    )
  })

  test("another model's adapter", async () => {
    await runTraining({ steps: 1, output: { adapterOnly: true } }, { out: at('foreign') })
    const path = at('foreign/adapter_model.safetensors')
    const text = (await readFile(path)).toString('latin1')
    await writeFile(path, text.replaceAll('layers.3.', 'layers.9.'), 'latin1')
    await expect(merge(at('foreign'))).rejects.toThrow(/a layer that the model has not; the nearest is/)
  })
})
