import { existsSync, readFileSync } from 'node:fs'
import { decodeSafetensors, encodeSafetensors, openModel } from '@sinter/model'
import { beforeAll, describe, expect, test } from 'vitest'
import { demoModel, sinter, sinterJson, workplace } from './helpers/sinter.ts'

const { path, calibration, evaluation } = workplace()
const calibrated = ['--calibration', calibration, '--samples', '4', '--length', '64']

interface CompressResult {
  readonly bitsPerWeight: number
  readonly sparsity: number
  readonly layers: readonly { readonly method: string; readonly error: number }[]
  readonly report: { readonly json: string; readonly html: string }
}

const compress = (out: string, ...args: string[]): Promise<CompressResult> =>
  sinterJson('compress', demoModel, ...args, '--out', path(out))

describe('compress', () => {
  const forms: readonly [form: string, args: readonly string[], bits: number, sparsity: number][] = [
    [
      'gptq --bits 4 --group-size 64',
      ['--method', 'gptq', '--bits', '4', '--group-size', '64', ...calibrated],
      4.25,
      0,
    ],
    ['gptq --asymmetric --act-order', ['--method', 'gptq', '--asymmetric', '--act-order', ...calibrated], 4.3125, 0],
    ['gptq --no-act-order --symmetric', ['--method', 'gptq', '--no-act-order', '--symmetric', ...calibrated], 4.25, 0],
    ['rtn --bits 3', ['--method', 'rtn', '--bits', '3', '--group-size', '64'], 3.25, 0],
    ['nf4', ['--method', 'nf4'], 4.14, 0],
    ['fp4, f32 scales', ['--method', 'fp4', '--set', 'doubleQuant=false'], 4.51, 0],
    ['awq, followed by rounding', ['--method', 'awq', '--bits', '4', '--set', 'ratios=4', ...calibrated], 4.3125, 0],
    ['sparsegpt --sparsity 0.5', ['--method', 'sparsegpt', '--sparsity', '0.5', ...calibrated], 9, 0.5],
    ['sparsegpt --pattern 2:4', ['--method', 'sparsegpt', '--pattern', '2:4', ...calibrated], 9, 0.5],
    ['wanda', ['--method', 'wanda', ...calibrated], 9, 0.5],
    ['magnitude --sparsity 0.25', ['--method', 'magnitude', '--sparsity', '0.25'], 13, 0.25],
  ]

  test.each(forms)('%s', async (form, args, bits, sparsity) => {
    const out = form.replace(/\W+/g, '-')
    const result = await compress(out, ...args, '--threads', '1')
    expect(result.layers).toHaveLength(28)
    expect(result.bitsPerWeight).toBeCloseTo(bits, 1)
    if (sparsity > 0) expect(result.sparsity).toBeCloseTo(sparsity, 1)
    const model = await openModel(path(out))
    expect(model.blocks).toBe(4)
    await model.close()
    expect(readFileSync(result.report.html, 'utf8')).toMatch(/^<!doctype html>/i)
    expect(existsSync(result.report.json)).toBe(true)
  })

  test('--format gguf:Q4_0 writes a GGUF of these blocks', async () => {
    await compress('small.gguf', '--method', 'rtn', '--format', 'gguf:Q4_0')
    const { container, tensors } = await sinterJson<{ container: string; tensors: { encoding: string }[] }>(
      'inspect',
      path('small.gguf'),
    )
    expect(container).toBe('gguf')
    expect(tensors.filter(({ encoding }) => encoding === 'Q4_0')).toHaveLength(28)
  })

  test.each([
    ['gptq', ['--bits', '4', ...calibrated], 'q4', 'MatMulNBits:4'],
    ['rtn', ['--bits', '8', '--group-size', '-1', '--symmetric'], 'int8', 'W8A8'],
    ['nf4', [], 'q4', 'MatMulBnb4'],
  ] as const)('--format onnx:TYPE holds what %s %j chose, to the bit', async (method, options, type, encoding) => {
    await compress(`${method}-onnx`, '--method', method, ...options, '--format', `onnx:${type}`)
    await compress(`${method}-f32`, '--method', method, ...options, '--format', 'hf:f32')
    const { container, tensors } = await sinterJson<{ container: string; tensors: { encoding: string }[] }>(
      'inspect',
      path(`${method}-onnx`),
    )
    expect(container).toBe('onnx')
    expect(tensors.filter(tensor => tensor.encoding === encoding)).toHaveLength(28)
    const [stored, plain] = [await openModel(path(`${method}-onnx`)), await openModel(path(`${method}-f32`))]
    for (let block = 0; block < stored.blocks; block++)
      expect(await stored.readBlock(block)).toEqual(await plain.readBlock(block))
    await stored.close()
    await plain.close()
  })

  test('--evaluate adds perplexity and divergence to result and report', async () => {
    const measured = ['--evaluate', evaluation, '--windows', '2', '--window-length', '64']
    const result = await compress('measured', '--recipe', 'fast', ...measured)
    const { quality } = result as unknown as { quality: { perplexity: number; kl: number } }
    expect(quality.perplexity).toBeGreaterThan(1)
    expect(quality.kl).toBeGreaterThan(0)
    const report = JSON.parse(readFileSync(result.report.json, 'utf8'))
    expect(report.quality.kl.mean).toBe(quality.kl)
    expect(report.generations[0].base.length).toBeGreaterThan(0)
  })

  test('--memory puts the calibration cache on the disk, and the bytes stay the same', async () => {
    await compress('memory', '--method', 'gptq', ...calibrated)
    await compress('disk', '--method', 'gptq', ...calibrated, '--memory', '64MB')
    const bytes = (name: string) => readFileSync(path(`${name}/model.safetensors`))
    expect(bytes('disk').equals(bytes('memory'))).toBe(true)
  })
})

test('plan takes the flags of compress and writes nothing', async () => {
  const args = ['plan', demoModel, '--method', 'awq', '--bits', '4', ...calibrated, '--out', path('planned')]
  const plan = await sinterJson<{ transforms: unknown[]; rows: { action: string; steps: unknown[] }[] }>(...args)
  expect(plan.transforms).toMatchObject([{ method: 'awq', options: { symmetric: false } }])
  expect(plan.rows).toHaveLength(38)
  const compressed = plan.rows.filter(row => row.action === 'compress')
  expect(compressed).toHaveLength(28)
  expect(compressed[0]!.steps).toMatchObject([{ method: 'rtn', options: { bits: 4, symmetric: false } }])
  expect(existsSync(path('planned'))).toBe(false)
  const { stdout } = await sinter(...args)
  expect(stdout).toContain('every block first: awq')
})

describe('measuring', () => {
  beforeAll(() => compress('rtn2', '--method', 'rtn', '--bits', '2', '--group-size', '0', '--asymmetric'))

  test('eval without and with --base', async () => {
    const args = ['--text', evaluation, '--windows', '4', '--length', '64']
    const alone = await sinterJson<Record<string, number>>('eval', demoModel, ...args)
    const other = await sinterJson<Record<string, number>>('eval', path('rtn2'), '--base', demoModel, ...args)
    expect(alone.windows).toBe(4)
    expect(alone.predictions).toBe(4 * 63)
    expect(alone.perplexity).toBeGreaterThan(1)
    expect(alone.kl).toBeUndefined()
    expect(other.basePerplexity).toBeCloseTo(alone.perplexity!, 5)
    expect(other.perplexity).toBeGreaterThan(alone.perplexity!)
    expect(other.kl).toBeGreaterThan(0.05)
    expect(other.klStandardError).toBeGreaterThan(0)
    expect(other.topAgreement).toBeLessThan(1)
  })

  test('the interpreter measures what ONNX Runtime measures', async () => {
    const args = ['eval', demoModel, '--text', evaluation, '--windows', '1', '--length', '32']
    const onnx = await sinterJson<{ perplexity: number }>(...args)
    const reference = await sinterJson<{ perplexity: number }>(...args, '--backend', 'reference')
    expect(reference.perplexity).toBeCloseTo(onnx.perplexity, 4)
  })

  test('compare puts them side by side', async () => {
    const args = ['compare', demoModel, path('rtn2'), '--text', evaluation, '--windows', '2', '--length', '64']
    const { models } = await sinterJson<{ models: Record<string, number>[] }>(...args)
    expect(models).toHaveLength(2)
    expect(models[0]).toMatchObject({ weightChange: 0 })
    expect(models[1]!.weightChange).toBeGreaterThan(0.3)
    expect(models[1]!.perplexity).toBeGreaterThan(models[0]!.perplexity!)
    const { stdout } = await sinter(...args)
    expect(stdout.trim().split('\n')).toHaveLength(4)
  })
})

describe('logits', () => {
  const ids = Int32Array.from([1, 40, 41, 42, 43, 44, 45, 46])
  const run = async (...args: string[]) => {
    const input = encodeSafetensors(new Map([['input_ids', { dtype: 'i32', shape: [2, 4], data: ids }]]))
    const { writeFile } = await import('node:fs/promises')
    await writeFile(path('ids.safetensors'), input)
    const out = path('logits.safetensors')
    const { code, stderr } = await sinter(
      'logits',
      demoModel,
      '--tokens',
      path('ids.safetensors'),
      '--out',
      out,
      ...args,
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
    return decodeSafetensors(readFileSync(out)).tensors
  }

  test('logits alone', async () => {
    const tensors = await run()
    expect([...tensors.keys()]).toEqual(['logits'])
    expect(tensors.get('logits')!.shape).toEqual([2, 4, 1024])
  })

  test('hidden states too, and the same from the interpreter', async () => {
    const onnx = await run('--hidden')
    const reference = await run('--hidden', '--backend', 'reference')
    expect([...onnx.keys()].sort()).toEqual(
      ['head_input', 'hidden.0', 'hidden.1', 'hidden.2', 'hidden.3', 'hidden.4', 'logits'].sort(),
    )
    const other = reference.get('logits')!.data as Float32Array
    const difference = (onnx.get('logits')!.data as Float32Array).map((value, i) => Math.abs(value - other[i]!))
    expect(Math.max(...difference)).toBeLessThan(1e-3)
  })
})

describe('generate', () => {
  const prompt = ['generate', demoModel, '--prompt', 'Once there was a', '--tokens', '12']

  test('greedy text goes to standard output, the same each time', async () => {
    const { code, stdout, stderr } = await sinter(...prompt, '--greedy')
    const { text, ids } = await sinterJson<{ text: string; ids: number[] }>(...prompt, '--greedy')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toBe(`Once there was a${text}\n`)
    expect(ids).toHaveLength(12)
  })

  test('sampling follows its seed', async () => {
    const drawn = (seed: string) => sinterJson<{ text: string }>(...prompt, '--temperature', '1.5', '--seed', seed)
    const [a, again, b] = await Promise.all([drawn('1'), drawn('1'), drawn('2')])
    expect(again.text).toBe(a.text)
    expect(b.text).not.toBe(a.text)
  })
})

test('inspect: a table for people, all tensors in JSON', async () => {
  const { stdout } = await sinter('inspect', demoModel)
  expect(stdout).toContain('model.layers.*.mlp.up_proj.weight')
  const { family, parameters, tensors } = await sinterJson<{ family: string; parameters: number; tensors: unknown[] }>(
    'inspect',
    demoModel,
  )
  expect({ family, parameters, count: tensors.length }).toEqual({ family: 'llama', parameters: 3410176, count: 38 })
})

test('methods: each with its options, as the schema of recipes has them', async () => {
  const methods = await sinterJson<{ name: string; options: { name: string; default?: unknown }[] }[]>('methods')
  expect(methods.map(method => method.name)).toEqual(
    expect.arrayContaining(['rtn', 'gptq', 'awq', 'wanda', 'sparsegpt']),
  )
  const gptq = methods.find(method => method.name === 'gptq')!
  expect(gptq.options).toContainEqual(expect.objectContaining({ name: 'bits', default: 4 }))
  const { stdout } = await sinter('methods', 'gptq')
  expect(stdout).toContain('damping')
})

test('schema is the file that editors use', async () => {
  const { stdout } = await sinter('schema')
  const file = new URL('../../../packages/engine/schema/recipe.schema.json', import.meta.url)
  expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync(file, 'utf8')))
})
