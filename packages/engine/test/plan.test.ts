import { readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openModel } from '@sinter/model'
import { describe, expect, test } from 'vitest'
import { formatPlan } from '../src/plan/format-plan.ts'
import { planToJson } from '../src/plan/plan-json.ts'
import type { RecipeStep } from '../src/recipe/recipe.ts'
import { compressed, demo, families, folder, plan, refusal, rtn, words } from './plan-setup.ts'

describe('rows', () => {
  test.each(readdirSync(families))('%s: one for every tensor; linear layers only are compressed', async name => {
    const model = await openModel(join(families, name))
    const { rows } = await plan([rtn], {}, {}, model)
    expect(rows.map(row => row.tensor)).toEqual(model.source.names())
    const linears = new Set<string>()
    for (let block = 0; block < model.blocks; block++)
      for (const linear of model.blockGraph(block).linears)
        linears.add(model.blockTensors(block).get(`${linear.name}.weight`)!)
    expect(new Set(rows.filter(row => row.action === 'compress').map(row => row.tensor))).toEqual(linears)
    for (const row of rows) {
      expect(row.reason).not.toBe('')
      expect(row.steps.length > 0).toBe(row.action === 'compress')
    }
    await model.close()
  })

  test('roles are told apart, and tied heads have no row of their own', async () => {
    const { rows } = await plan([rtn])
    const reasons = new Map(rows.map(row => [row.tensor, row.reason]))
    expect(reasons.get('model.embed_tokens.weight')).toBe('embeddings are kept')
    expect(reasons.get('model.norm.weight')).toBe('norms and biases are kept')
    expect(reasons.get('model.layers.0.input_layernorm.weight')).toBe('norms and biases are kept')
    const untied = await openModel(join(families, 'gpt_neox-parallel'))
    const neox = await plan([rtn], {}, {}, untied)
    expect(neox.rows.find(row => row.tensor === 'embed_out.weight')?.reason).toBe('the output embedding is kept')
    await untied.close()
  })

  test('bits are counted along the inputs, also where the checkpoint keeps matrices the other way round', async () => {
    const model = await openModel(join(families, 'gpt2-hub-names'))
    const { rows } = await plan([{ method: 'rtn', groupSize: -1 }], {}, {}, model)
    const row = rows.find(r => r.name === 'mlp.c_fc')!
    // Stored [in, out]; one 16-bit scale for every row of [out, in].
    expect(row.bitsPerWeight).toBeCloseTo(4 + 16 / row.shape[0]!, 12)
    await model.close()
  })

  test('steps take what their targets and blocks name', async () => {
    const mixed = await plan([
      { method: 'rtn', targets: ['mlp.*', '!mlp.down_proj'], blocks: '0,2-3' },
      { method: 'magnitude', targets: ['model.layers.1.self_attn.?_proj'] },
    ])
    const of = (method: string) =>
      mixed.rows.filter(r => r.steps[0]?.method.name === method).map(r => `${r.block} ${r.name}`)
    expect(of('rtn').sort()).toEqual([0, 2, 3].flatMap(b => [`${b} mlp.gate_proj`, `${b} mlp.up_proj`]))
    expect(of('magnitude').sort()).toEqual(['k', 'o', 'q', 'v'].map(x => `1 self_attn.${x}_proj`))
  })

  test('protect wins over steps', async () => {
    const kept = await plan([rtn], { protect: ['model.layers.0.*', '*.v_proj'] })
    const row = kept.rows.find(r => r.tensor === 'model.layers.2.self_attn.v_proj.weight')!
    expect([row.action, row.reason]).toEqual(['keep', 'protected by "*.v_proj"'])
    expect(compressed(kept)).toHaveLength(3 * 6)
  })

  test('several weight methods on a matrix run in order; the last one decides the bits', async () => {
    const both = await plan([{ method: 'magnitude' }, { method: 'rtn', bits: 3 }])
    const row = both.rows.find(r => r.action === 'compress')!
    expect(row.steps.map(step => step.method.name)).toEqual(['magnitude', 'rtn'])
    expect(row.scheme).toBe('50 % zeros, rest f16 then 3-bit symmetric, groups of 64')
    expect(row.bitsPerWeight).toBe(3.25)
    expect(both.warnings.join()).toMatch(/only what the last one makes is stored/)
  })
})

describe('rules that match nothing', () => {
  test.each<[string, RecipeStep, RegExp]>([
    [
      'glob',
      { method: 'rtn', targets: ['mlp.gat_proj'] },
      /steps\[0\] \(rtn\): "mlp.gat_proj" matches nothing; nearest names: mlp.gate_proj,/,
    ],
    [
      'glob of a block that is not taken',
      { method: 'rtn', blocks: '1', targets: ['*layers.0.mlp*'] },
      /matches nothing/,
    ],
    [
      'exception',
      { method: 'rtn', targets: ['mlp.*', '!self_atn.*'] },
      /"self_atn.\*" matches nothing; nearest names: self_attn/,
    ],
    ['nothing left', { method: 'rtn', targets: ['mlp.*', '!mlp.*'] }, /take out all that they put in/],
    [
      'norm',
      { method: 'rtn', targets: ['input_layernorm'] },
      /names model.layers.0.input_layernorm.weight \(norm or bias\)/,
    ],
    ['embedding', { method: 'rtn', targets: ['model.embed_tokens'] }, /\(embedding\); only linear layers of blocks/],
    ['blocks', { method: 'rtn', blocks: '2-4' }, /blocks "2-4": the model has the blocks 0 to 3/],
    ['backward blocks', { method: 'rtn', blocks: '3-1' }, /the model has the blocks 0 to 3/],
  ])('%s', async (_, step, expected) => {
    const error = await refusal(plan([step]))
    expect(error.message).toMatch(expected)
    expect([error.code, error.exitCode]).toEqual(['rule', 2])
  })

  test('protect', async () => {
    const error = await refusal(plan([rtn], { protect: ['lm_hed'] }))
    expect(error.message).toMatch(/protect\[0\]: "lm_hed" matches nothing/)
  })

  test('a transform takes no targets, and needs rounding after it', async () => {
    const targets = await refusal(plan([{ method: 'awq', targets: ['mlp.*'] }, rtn]))
    expect(targets.message).toMatch(/steps\[0\] \(awq\) works on every block as a whole/)
    const alone = await refusal(plan([{ method: 'awq' }]))
    expect(alone.message).toMatch(/rtn .*must follow it/)
  })

  test('a glob of a thousand stars takes no time', async () => {
    expect((await refusal(plan([{ method: 'rtn', targets: [`${'*a'.repeat(1000)}!`] }]))).code).toBe('rule')
  })
})

describe('sizes that do not divide', () => {
  test('groups: the row says what happens, and the bits count the short group', async () => {
    const { rows } = await plan([{ method: 'rtn', groupSize: 100 }])
    const row = rows.find(r => r.name === 'self_attn.q_proj')!
    expect(row.reason).toBe('rtn; groups of 100 do not divide its 256 inputs: the last group of a row has 56')
    expect(row.bitsPerWeight).toBe(4 + (3 * 16) / 256)
    const wide = await plan([{ method: 'rtn', groupSize: 512, targets: ['self_attn.q_proj'] }])
    expect(wide.rows.find(r => r.name === 'self_attn.q_proj')!.reason).toMatch(
      /longer than its 256 inputs: one group a row/,
    )
  })

  test('patterns', async () => {
    const { rows } = await plan([{ method: 'magnitude', pattern: '5:7' }])
    expect(rows.find(r => r.name === 'self_attn.q_proj')!.reason).toMatch(
      /5:7 does not divide its 256 inputs: the last 4/,
    )
  })
})

describe('a GGUF encoding fixes the grid', () => {
  const gguf = (type: string) => ({ output: { format: `gguf:${type}` } })

  test.each([
    ['Q4_0', { bits: 4, groupSize: 32, symmetric: true, scaleDType: 'f16' }, 4.5],
    ['Q4_1', { bits: 4, groupSize: 32, symmetric: false, zero: 'min', scaleDType: 'f16' }, 5],
    ['Q8_0', { bits: 8, groupSize: 32, symmetric: true, scaleDType: 'f16' }, 8.5],
  ])('%s: what is unset is filled in', async (type, fixed, bits) => {
    const { rows, output } = await plan([rtn], gguf(type))
    const row = rows.find(r => r.action === 'compress')!
    expect(output).toEqual({ container: 'gguf', encoding: type })
    expect(row.steps[0]!.options).toMatchObject(fixed)
    expect(row.bitsPerWeight).toBe(bits)
    expect(row.reason).toBe('rtn')
  })

  test.each<[string, RecipeStep, RegExp]>([
    [
      'Q4_0',
      { method: 'rtn', groupSize: 64 },
      /groupSize 64 does not fit into Q4_0, which holds 4-bit codes in groups of 32/,
    ],
    ['Q4_0', { method: 'rtn', symmetric: false }, /symmetric false .* or use gguf:Q4_1/],
    ['Q4_1', { method: 'rtn', symmetric: true }, /symmetric true .* or use gguf:Q4_0/],
    ['Q4_0', { method: 'rtn', bits: 8 }, /bits 8 .* or use gguf:Q8_0/],
    ['Q4_0', { method: 'rtn', bits: 3 }, /bits 3 .*set it to 4, or use gguf:Q3_K/],
    ['Q4_1', { method: 'rtn', zero: 'integer' }, /zero "integer" does not fit into Q4_1/],
    ['Q4_0', { method: 'gptq', groups: 'live' }, /groups "live" does not fit into Q4_0/],
  ])('%s: %o is a conflict', async (type, step, expected) => {
    const error = await refusal(plan([step], gguf(type), { calibrationText: words }))
    expect(error.message).toMatch(expected)
    expect(error.code).toBe('option')
  })

  test('a mix: every matrix aims at its own type, and what no step takes outside of the blocks is what the mix says', async () => {
    const calibration = { samples: 2, length: 64 }
    const { rows, estimate } = await plan(
      [{ method: 'gptq', sweeps: 3 }],
      { ...gguf('Q4_K_S'), calibration },
      { calibrationText: words },
    )
    const row = (name: string) => rows.find(r => r.name === name)!
    // llama.cpp raises attn_v of the first four layers.
    const raised = row('self_attn.v_proj')
    expect(raised.steps[0]!.options).toMatchObject({ encoding: 'Q5_K', bits: 5, groupSize: 32, sweeps: 3 })
    expect([raised.bitsPerWeight, raised.stored.type, raised.reason]).toEqual([5.5, 'Q5_K', 'gptq'])
    const usual = row('self_attn.q_proj')
    expect(usual.steps[0]!.options).toMatchObject({ encoding: 'Q4_K', bits: 4, zero: 'min' })
    expect([usual.bitsPerWeight, usual.stored.type]).toEqual([4.5, 'Q4_K'])
    const embedding = rows.find(r => r.tensor.endsWith('embed_tokens.weight'))!
    expect([embedding.action, embedding.stored.type]).toEqual(['keep', 'Q6_K'])
    expect(embedding.reason).toBe('Q4_K_S has Q6_K for it')
    expect(estimate.outputBytes).toBe(rows.reduce((sum, { stored }) => sum + stored.bytes, 0))
  })

  test('a mix leaves alone what is protected, and what no step takes inside of the blocks', async () => {
    const protect = ['*embed_tokens*']
    const { rows } = await plan([{ method: 'rtn', targets: ['mlp.*'] }], { ...gguf('Q4_0'), protect })
    const types = new Map(rows.map(r => [r.name, r.stored.type]))
    expect(types.get('mlp.up_proj')).toBe('Q4_0')
    expect(types.get('self_attn.q_proj')).toBe('F16')
    expect(rows.find(r => r.tensor.endsWith('embed_tokens.weight'))!.stored.type).toBe('F16')
  })

  test.each([
    ['Q3_K_S', { method: 'sparsegpt' }, { encoding: 'Q3_K', bits: 3, groupSize: 16 }, 'sparsegpt'],
    ['Q4_K_S', { method: 'rtn' }, { encoding: 'Q4_K', bits: 4, zero: 'min' }, 'rtn'],
    // A grid with a minimum has no exact zero.
    ['Q4_1', { method: 'sparsegpt' }, { groupSize: 64 }, 'sparsegpt; Q4_1 cannot hold what sparsegpt makes'],
  ])('%s for %o', async (type, step, expected, reason) => {
    const calibration = { samples: 2, length: 64 }
    const { rows } = await plan([step], { ...gguf(type), calibration }, { calibrationText: words })
    const row = rows.find(r => r.name === 'self_attn.q_proj')!
    expect(row.steps[0]!.options).toMatchObject(expected)
    expect(row.reason).toMatch(reason)
  })

  test('AWQ prepares for the grid of the encoding', async () => {
    const options = { calibrationText: words }
    const calibration = { samples: 2, length: 64 }
    const { transforms } = await plan([{ method: 'awq' }, rtn], { ...gguf('Q4_1'), calibration }, options)
    expect(transforms[0]!.options).toMatchObject({ groupSize: 32, symmetric: false, zero: 'min' })
  })

  test('codebooks: what their blocks are, and that no GGUF encoding holds them', async () => {
    const { rows } = await plan([{ method: 'nf4' }], gguf('Q4_0'))
    const row = rows.find(r => r.action === 'compress')!
    expect(row.scheme).toBe('blocks of 64, scales in 8 bits')
    expect(row.bitsPerWeight).toBeCloseTo(4.134, 2)
    expect(row.reason).toMatch(/Q4_0 cannot hold what nf4 makes: its values are rounded once more/)
    const plain = await plan([{ method: 'fp4', blockSize: 32, doubleQuant: false }])
    expect(plain.rows.find(r => r.action === 'compress')!.scheme).toBe('blocks of 32, scales in f32')
  })

  test('what an encoding cannot hold is said', async () => {
    const sparse = await plan([{ method: 'magnitude' }], gguf('Q4_0'))
    expect(sparse.rows.find(r => r.action === 'compress')!.reason).toMatch(/Q4_0 cannot hold what magnitude makes/)
    const plain = await plan([{ method: 'magnitude' }], gguf('F16'))
    expect(plain.rows.find(r => r.action === 'compress')!.reason).toBe('magnitude')
  })

  test('a type of dense tensors is for Hugging Face folders', async () => {
    const error = await refusal(plan([rtn], { output: { format: 'gguf:Q4_0', dtype: 'f16' } }))
    expect(error.message).toMatch(/dtype f16 is for the format hf; gguf has F16, F32/)
    expect((await plan([rtn], { output: { dtype: 'f16' } })).output).toEqual({ container: 'hf', encoding: 'f16' })
  })
})

describe('calibration text', () => {
  const gptq: RecipeStep = { method: 'gptq' }
  const calibration = { samples: 4, length: 64 }

  test('only methods that look at data want one', async () => {
    expect((await plan([rtn])).calibration).toBeUndefined()
    const { calibration: found } = await plan([gptq], { calibration }, { calibrationText: words })
    expect(found).toEqual({ text: words, samples: 4, length: 64 })
  })

  test.each<[string, string | undefined, RegExp]>([
    ['none', undefined, /gptq must see text .* --calibration FILE/],
    ['missing', 'nothing.txt', /nothing\.txt: no such file/],
    ['empty', '', /is empty; calibration needs 256 tokens/],
    ['blank', ' \n\n ', /is empty/],
    ['shorter than a sample', 'Anna took the apple.', /has \d+ tokens, less than one sample of 64/],
    ['shorter than the samples', 'Anna took the apple. '.repeat(20), /samples of 64 need 256: .*--samples \d at most/],
  ])('%s', async (name, content, expected) => {
    const path = name === 'missing' ? join(folder, content!) : join(folder, 'calibration.txt')
    if (content !== undefined && name !== 'missing') await writeFile(path, content)
    const options = content === undefined ? {} : { calibrationText: path }
    const error = await refusal(plan([gptq], { calibration }, options))
    expect(error.message).toMatch(expected)
    expect([error.code, error.exitCode]).toEqual(['calibration', 3])
  })

  test('the numbers in the message are the text’s', async () => {
    const path = join(folder, 'short.txt')
    await writeFile(path, 'Anna took the apple. '.repeat(20))
    const tokens = demo.tokenizer!.encode(await readFile(path, 'utf8'), { addSpecialTokens: false }).length
    const { message } = await refusal(plan([gptq], { calibration }, { calibrationText: path }))
    expect(message).toContain(`has ${tokens} tokens`)
    expect(message).toContain(`--samples ${Math.floor(tokens / 64)} at most`)
  })

  test('samples longer than the model can see', async () => {
    const long = { samples: 1, length: 100_000 }
    expect((await refusal(plan([gptq], { calibration: long }, { calibrationText: words }))).message).toMatch(
      /100000 tokens: the model was made for \d+/,
    )
  })

  test('a model without a tokenizer', async () => {
    const model = await openModel(join(families, 'llama-rope-llama3'))
    const error = await refusal(plan([gptq], { calibration }, { calibrationText: words }, model))
    expect([error.code, error.exitCode]).toEqual(['tokenizer', 3])
    expect(error.message).toMatch(/has no tokenizer.*tokenizer\.json/)
    await model.close()
  })
})

describe('showing', () => {
  test('equal rows of several blocks are one line; all tensors are accounted for', async () => {
    const made = await plan([{ method: 'rtn', blocks: '0,2-3' }])
    const text = formatPlan(made)
    expect(text).toMatch(
      /^0,2-3 \(3\) {2}mlp\.down_proj +256×768 +compress +4-bit symmetric, groups of 64 +4\.25 +rtn$/m,
    )
    expect(text).toMatch(/^1 +mlp\.down_proj +256×768 +keep +bf16 +16 +no step takes it$/m)
    expect(text).toMatch(/^compressed matrices: 4\.2500 bits a weight$/m)
    const table = text.split('\n\n')[1]!.split('\n').slice(1)
    const counts = table.map(line => Number(/^\S+ \((\d+)\)/.exec(line)?.[1] ?? 1))
    expect(counts.reduce((a, b) => a + b)).toBe(made.rows.length)
  })

  test('no line of the table is wider than the terminal', async () => {
    const table = formatPlan(await plan([rtn]), { width: 60 }).split('\n\n')[1]!
    for (const line of table.split('\n')) expect(line.length).toBeLessThanOrEqual(60)
  })

  test('as JSON: methods by name, and it survives a round trip', async () => {
    const json = planToJson(await plan([rtn]))
    expect(JSON.parse(JSON.stringify(json))).toEqual(json)
    expect(json).toMatchObject({ averageBitsPerWeight: 4.25, transforms: [], cache: 'memory' })
  })
})
