/** Runs into folders of compressed matrices: the codes that the method chose are those that are read back. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openModel } from '@sinter/model'
import { totalBits } from '@sinter/tensor-core'
import { describe, expect, it, test } from 'vitest'
import { openConversion } from '../src/convert/convert.ts'
import { compress } from '../src/run/compress.ts'
import { demo, demoPath, folder, here, plan, refusal, words } from './plan-setup.ts'

const output = (format: string) => ({ output: { format } })

const calibration = { calibration: { text: words, samples: 4, length: 64 } }

async function run(step: Parameters<typeof plan>[0][number], format: string, out: string) {
  const resolved = await plan([step], { ...output(format), ...calibration }, { out, threads: 1 })
  const notes: string[] = []
  for await (const event of compress(resolved, { out }))
    if (event.type === 'done') notes.push(...event.result.notes.map(({ note }) => note.code))
  return { plan: resolved, notes }
}

describe.each([
  ['rtn', 'compressed-tensors', {}, 'quantized'],
  ['rtn', 'compressed-tensors', { bits: 8, scaleDType: 'bf16', groupSize: -1 }, 'quantized'],
  ['rtn', 'compressed-tensors:int-quantized', {}, 'quantized'],
  ['fp8', 'compressed-tensors', {}, 'float'],
  ['nvfp4', 'compressed-tensors', {}, 'float'],
  ['gptq', 'gptq', { groups: 'live', groupSize: 32, blocks: '0' }, 'permuted'],
  ['rtn', 'gptq:v2', { symmetric: false, bits: 3 }, 'quantized'],
  ['rtn', 'awq', { symmetric: false }, 'quantized'],
  ['nf4', 'bitsandbytes', {}, 'codebook'],
  ['int8', 'bitsandbytes:int8', {}, 'scaled'],
  ['rtn', 'hqq', { symmetric: false, bits: 2 }, 'quantized'],
])('%s into %s, %o', (method, format, options, kind) => {
  const out = join(folder, `${method}-${format}-${Object.keys(options)}`.replaceAll(/\W/g, '-'))
  it('is stored as it was made, and as large as the plan said', async () => {
    const { plan, notes } = await run({ method, ...options }, format, out)
    expect(notes).not.toContain('folder')
    const model = await openModel(out)
    const dense = join(folder, `${method}-${Object.keys(options)}-hf-${format}`.replaceAll(/\W/g, '-'))
    const asMade = { method, ...options, ...(plan.rows.find(row => row.steps.length > 0)!.steps[0]!.options as object) }
    await run(asMade, 'hf:f32', dense)
    const reference = await openModel(dense)
    let bytes = 0
    for (const name of model.source.names()) {
      bytes += model.source.info(name).bytes
      const expected = (await reference.source.read(name)).data
      const weight = await model.source.weight!(name)
      if (weight) {
        expect(weight.kind).toBe(kind)
        expect(same(weight.dense().data, expected), name).toBe(true)
        const row = plan.rows.find(({ tensor }) => tensor === name)!
        const [out, width] = weight.shape
        // Without the table of NF4, which its config says, and with bits of an index that GPTQ keeps in 32.
        expect(totalBits(weight.bits()) / (out * width)).toBeCloseTo(row.bitsPerWeight, 1)
      }
    }
    expect(bytes / plan.estimate.outputBytes).toBeGreaterThan(0.95)
    expect(bytes / plan.estimate.outputBytes).toBeLessThan(1.1)
    await model.close()
    await reference.close()
  })
})

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => Buffer.from(buffer, byteOffset, byteLength)
const same = (a: ArrayBufferView, b: ArrayBufferView) => bytesOf(a).equals(bytesOf(b))

test.each([
  ['rtn', { bits: 3 }, 'compressed-tensors', 'its codes have 3 bits, and the format holds 2, 4, 8'],
  ['rtn', { groupSize: 96 }, 'gptq', 'groups of 96 do not divide its 256 columns'],
  ['rtn', { bits: 5 }, 'gptq', 'its codes have 5 bits, and the format holds 2, 3, 4, 8'],
  ['nf4', {}, 'awq', 'it is codebook, and the format holds whole numbers with scales'],
  ['nf4', { blockSize: 48 }, 'bitsandbytes', 'its blocks have 48 values'],
  ['rtn', {}, 'bitsandbytes', 'it is quantized, and the format holds places in the tables of NF4 and FP4'],
  ['mxfp4', {}, 'hqq', 'it is float, and the format holds whole numbers with scales'],
])('%s %o into %s is refused before the run', async (method, options, format, reason) => {
  const { code, message } = await refusal(plan([{ method, ...options }], output(format)))
  expect(code).toBe('option')
  expect(message).toMatch(/^model\.layers\.0\.mlp\.\w+\.weight: /)
  expect(message).toContain(`cannot hold what ${method} makes of it: ${reason}`)
})

test('options that a type fixes, and the type that has them free', async () => {
  const { message } = await refusal(plan([{ method: 'rtn', symmetric: false }], output('gptq')))
  expect(message).toBe(
    'steps[0] (rtn): symmetric false does not fit into v1, which holds symmetric codes of 2, 3, 4 and 8 bits, scales in f16; ' +
      'leave symmetric out, set it to true, or use gptq:v2',
  )
})

test('families whose checkpoints keep matrices turned are refused', async () => {
  const model = await openModel(here('../../model/test/fixtures/families/gpt2-hub-names'))
  const { message } = await refusal(plan([{ method: 'rtn' }], output('awq'), {}, model))
  expect(message).toBe(
    'awq is for linear layers [out, in], and gpt2 keeps its own as [in, out]; use the format hf or gguf',
  )
  await model.close()
})

test('a folder of compressed matrices is the input of a run', async () => {
  const first = join(folder, 'first')
  await run({ method: 'rtn', groupSize: 32 }, 'compressed-tensors', first)
  const model = await openModel(first)
  const out = join(folder, 'second')
  const resolved = await plan([{ method: 'nf4' }], output('bitsandbytes'), { out, threads: 1 }, model)
  for await (const _ of compress(resolved, { out }));
  await model.close()
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))
  expect(config.quantization_config.quant_method).toBe('bitsandbytes')
  const second = await openModel(out)
  expect(second.source.names().toSorted()).toEqual(demo.source.names().toSorted())
  await second.close()
  expect(demoPath).toContain('demo-model')
})

test('a conversion keeps the codes where both formats hold them, and says where not', async () => {
  const from = join(folder, 'convert-from')
  await run({ method: 'rtn', groupSize: 32, blocks: '0' }, 'gptq', from)
  const rowsTo = async (to: string) => {
    const conversion = await openConversion(from, { to })
    const { rows, losses } = conversion
    const out = join(folder, `convert-${to}`)
    const events = conversion.write({ out, threads: 1 })
    for (let next = await events.next(); !next.done; ) next = await events.next()
    await conversion.close()
    const [original, converted] = [await openModel(from), await openModel(out)]
    for (const name of original.source.names())
      expect(same((await original.source.read(name)).data, (await converted.source.read(name)).data), name).toBe(true)
    await original.close()
    await converted.close()
    return { row: rows.find(({ tensor }) => tensor === 'model.layers.0.self_attn.q_proj.weight')!, losses }
  }
  for (const to of ['compressed-tensors', 'awq', 'hqq', 'gptq:v2']) {
    const { row, losses } = await rowsTo(to)
    expect({ to: row.to, losses }).toEqual({ to: 'GPTQ 4-bit', losses: [] })
    expect(row.bytes).toBe((256 * 256 * 4.5) / 8)
  }
  const { row, losses } = await rowsTo('bitsandbytes')
  expect({ to: row.to, losses }).toEqual({ to: 'F32', losses: [] })
  expect(row.note).toBe(
    'stored as plain numbers, for it is quantized, and the format holds places in the tables of NF4 and FP4',
  )
})
