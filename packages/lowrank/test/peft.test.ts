import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors, type LowRankFactors, storedLayers } from '@sinter/model'
import { randomModel } from '@sinter/model/testing'
import { castTo, createRng, f32, type Tensor, toF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { readPeft, writePeft } from '../src/index.ts'

const model = randomModel()
const Q = 'model.layers.0.self_attn.q_proj'
let root = ''
let count = 0
let at = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'peft-'))
})
beforeEach(() => {
  at = join(root, String(count++))
})
afterAll(() => rm(root, { recursive: true }))

const rng = createRng('peft')
const normal = (shape: readonly [number, number]) =>
  f32(
    shape,
    Float32Array.from({ length: shape[0] * shape[1] }, () => rng.normal()),
  )

function adapterOf(
  of = model,
  kind: (stored: string, i: number) => { rank: number; scale: number } | undefined = () => ({ rank: 3, scale: 2 }),
): Map<string, LowRankFactors> {
  const adapter = new Map<string, LowRankFactors>()
  for (const [
    i,
    {
      stored,
      shape: [out, width],
    },
  ] of storedLayers(of).entries()) {
    const chosen = kind(stored, i)
    if (chosen)
      adapter.set(stored, { a: normal([chosen.rank, width]), b: normal([out, chosen.rank]), scale: chosen.scale })
  }
  return adapter
}

const configAt = async (path: string) => JSON.parse(await readFile(join(path, 'adapter_config.json'), 'utf8'))
const tensorsAt = async (path: string) =>
  decodeSafetensors(await readFile(join(path, 'adapter_model.safetensors')), path).tensors

describe('what is written', () => {
  test('has the names and fields of PEFT', async () => {
    const adapter = adapterOf()
    await writePeft(at, model, adapter)
    expect(await configAt(at)).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      r: 3,
      lora_alpha: 6,
      bias: 'none',
      target_modules: ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'],
      rank_pattern: {},
      alpha_pattern: {},
      fan_in_fan_out: false,
      use_dora: false,
    })
    const tensors = await tensorsAt(at)
    expect(tensors.size).toBe(28)
    expect(tensors.get(`base_model.model.${Q}.lora_A.weight`)).toEqual(adapter.get(Q)!.a)
    expect(tensors.get(`base_model.model.${Q}.lora_B.weight`)).toEqual(adapter.get(Q)!.b)
  })

  test('and comes back the same, ranks and factors of each layer included', async () => {
    const adapter = adapterOf(model, (_, i) => (i === 4 ? undefined : { rank: 1 + (i % 3), scale: [2, 0.5][i % 2]! }))
    await writePeft(at, model, adapter)
    const { target_modules, rank_pattern } = await configAt(at)
    // up_proj of the first block has none.
    expect(target_modules).toHaveLength(13)
    expect(target_modules).toContain(Q)
    expect(Object.keys(rank_pattern).length).toBeGreaterThan(3)
    const back = await readPeft(at, model)
    expect(back).toEqual(adapter)
    expect([...back.keys()]).toEqual([...adapter.keys()])
  })

  test('GPT-2 is called by its modules, whatever the checkpoint left away', async () => {
    const config = { model_type: 'gpt2', vocab_size: 40, n_embd: 16, n_layer: 1, n_head: 4, n_positions: 8 }
    const full = randomModel(config)
    const short = full.over(renamed(full.source, name => name.replace('transformer.', '')))
    const adapter = adapterOf(short)
    expect([...adapter.keys()][0]).toBe('h.0.attn.c_attn')
    await writePeft(at, short, adapter)
    expect([...(await tensorsAt(at)).keys()][0]).toBe('base_model.model.transformer.h.0.attn.c_attn.lora_A.weight')
    expect(await configAt(at)).toMatchObject({ fan_in_fan_out: true })
    expect(await readPeft(at, short)).toEqual(adapter)
    const elsewhere = new Map([...adapter].map(([layer, factors]) => [`transformer.${layer}`, factors]))
    expect(await readPeft(at, full)).toEqual(elsewhere)
  })

  test('an adapter of another model, or of nothing, is refused before anything is made', async () => {
    const adapter = adapterOf()
    await expect(writePeft(at, model, new Map())).rejects.toThrow('adapter: it has no layer')
    await expect(writePeft(at, model, new Map([['h.0.c_fc', adapter.get(Q)!]]))).rejects.toThrow('no layer h.0.c_fc')
    const wrong = { ...adapter.get(Q)!, b: normal([16, 2]) }
    await expect(writePeft(at, model, new Map([[Q, wrong]]))).rejects.toThrow(
      `adapter of ${Q}: expected A [rank, 16] and B [16, rank], got [3,16] and [16,2]`,
    )
    await expect(readFile(join(at, 'adapter_config.json'))).rejects.toThrow('ENOENT')
  })
})

function renamed(source: typeof model.source, name: (stored: string) => string): typeof model.source {
  const back = new Map(source.names().map(stored => [name(stored), stored]))
  const own = (stored: string) => back.get(stored) ?? stored
  return {
    ...source,
    names: () => [...back.keys()],
    has: stored => back.has(stored),
    info: stored => source.info(own(stored)),
    read: (stored, into) => source.read(own(stored), into),
    readRows: (stored, from, rows, into) => source.readRows(own(stored), from, rows, into),
  }
}

/** A good folder with some of it changed. */
async function damaged(change: {
  readonly config?: Readonly<Record<string, unknown>>
  readonly text?: string
  readonly tensors?: (tensors: Map<string, Tensor>) => void
}): Promise<string> {
  await writePeft(at, model, adapterOf())
  const config = change.text ?? JSON.stringify({ ...(await configAt(at)), ...change.config })
  await writeFile(join(at, 'adapter_config.json'), config)
  const tensors = new Map(await tensorsAt(at))
  change.tensors?.(tensors)
  await writeFile(join(at, 'adapter_model.safetensors'), encodeSafetensors(tensors))
  return at
}

describe('what others write', () => {
  test('halves, names with .default, rank-stabilized factors, patterns by the end of a name', async () => {
    const path = await damaged({
      config: {
        use_rslora: true,
        lora_alpha: 4,
        alpha_pattern: { 'layers.0.self_attn.q_proj': 6, '^k_proj': 100, v_proj: 1 },
      },
      tensors(tensors) {
        for (const [name, tensor] of [...tensors]) {
          tensors.delete(name)
          tensors.set(name.replace('.weight', '.default.weight'), castTo(toF32(tensor), 'bf16'))
        }
      },
    })
    const adapter = await readPeft(path, model)
    expect(adapter.size).toBe(14)
    const scale = (name: string) => adapter.get(`model.layers.${name}_proj`)!.scale
    expect(scale('0.self_attn.q')).toBeCloseTo(6 / Math.sqrt(3), 12)
    expect(scale('1.self_attn.q')).toBeCloseTo(4 / Math.sqrt(3), 12)
    expect(scale('0.self_attn.k')).toBeCloseTo(4 / Math.sqrt(3), 12)
    expect(scale('1.self_attn.v')).toBeCloseTo(1 / Math.sqrt(3), 12)
    expect(adapter.get(Q)!.a.dtype).toBe('f32')
  })

  test('options that are off, and those about training, do not matter', async () => {
    const config = {
      some_new_option: null,
      layer_replication: [],
      modules_to_save: null,
      lora_dropout: 0.1,
      peft_version: '0.21',
    }
    expect((await readPeft(await damaged({ config }), model)).size).toBe(14)
  })

  test('a list of more patterns than a model has layers is refused', async () => {
    const rank_pattern = Object.fromEntries(Array.from({ length: 20_001 }, (_, i) => [`layer${i}`, 2]))
    await expect(readPeft(await damaged({ config: { rank_pattern } }), model)).rejects.toThrow('at most 20000 entries')
  })

  test.each([
    [{ use_dora: true }, '"use_dora" is set, and what it does is not done here; merge the adapter into its model'],
    [{ modules_to_save: ['lm_head'] }, '"modules_to_save" is set'],
    [{ some_new_option: { a: 1 } }, '"some_new_option" is set'],
    [{ bias: 'all' }, 'bias: Invalid input: expected "none"'],
    [{ init_lora_weights: 'pissa' }, 'init_lora_weights: '],
    [{ peft_type: 'IA3' }, 'peft_type: Invalid input: expected "LORA"'],
    [{ r: 0 }, 'r: Too small'],
    [{ r: 1e9 }, 'r: Too big'],
    [{ lora_alpha: -1 }, 'lora_alpha: Too small'],
    [{ rank_pattern: { '(a+)+$': 4 } }, 'expected names of modules; regular expressions from a file are not run'],
    [{ rank_pattern: { q_proj: 1e6 } }, 'rank_pattern.q_proj: Too big'],
    [{ r: 4 }, 'lora_A.weight: expected f32, f16 or bf16 [4,16], got f32 [3,16]'],
  ])('config %j is refused', async (config, message) => {
    const path = await damaged({ config })
    await expect(readPeft(path, model)).rejects.toThrow(message)
    await expect(readPeft(path, model)).rejects.toMatchObject({ name: 'FormatError' })
  })

  test.each([
    ['not JSON', '{', 'not valid JSON'],
    ['a key twice', '{"r": 1, "r": 2}', 'the key "r" occurs twice'],
    ['not an object', '[1]', 'the file: Invalid input: expected object'],
    ['too long', `{"a": "${'x'.repeat(2 ** 22)}"}`, 'at most 4194304 are read'],
  ])('a config that is %s is refused', async (_, text, message) => {
    await expect(readPeft(await damaged({ text }), model)).rejects.toThrow(message)
  })

  const name = (factor: string, layer = Q) => `base_model.model.${layer}.lora_${factor}.weight`
  test.each<[string, (tensors: Map<string, Tensor>) => void, string]>([
    ['a factor missing', t => t.delete(name('B')), `${Q} has only its factor A`],
    ['a transposed factor', t => t.set(name('A'), normal([16, 3])), 'expected f32, f16 or bf16 [3,16], got f32 [16,3]'],
    ['whole numbers', t => t.set(name('A'), castInt(t.get(name('A'))!)), 'got i32 [3,16]'],
    ['what is no number', t => void (t.get(name('B'))!.data[7] = Number.NaN), 'got NaN at row 2, column 1'],
    [
      'a layer that is not there',
      t => t.set(name('A', 'model.layers.7.self_attn.q_proj'), normal([3, 16])),
      'is for a layer that the model has not; the nearest is model.layers.',
    ],
    [
      'another kind of tensor',
      t => t.set(`base_model.model.${Q}.lora_magnitude_vector`, normal([1, 16])),
      'is neither lora_A nor',
    ],
    ['a name twice', t => t.set(name('A').replace('.weight', '.default.weight'), normal([3, 16])), 'has two tensors A'],
    ['nothing', t => t.clear(), 'has no adapter'],
  ])('tensors with %s are refused', async (_, tensors, message) => {
    const path = await damaged({ tensors })
    await expect(readPeft(path, model)).rejects.toThrow(message)
    await expect(readPeft(path, model)).rejects.toMatchObject({ name: 'FormatError' })
  })

  test('a folder without its files says which', async () => {
    await expect(readPeft(join(root, 'nowhere'), model)).rejects.toThrow(
      /adapter_config\.json: cannot be opened \(ENOENT\)/,
    )
    const path = await damaged({})
    await rm(join(path, 'adapter_model.safetensors'))
    await expect(readPeft(path, model)).rejects.toThrow(
      'has no adapter_model.safetensors; adapter_model.bin can run code',
    )
  })
})

const castInt = ({ shape, data }: Tensor): Tensor => ({
  dtype: 'i32',
  shape,
  data: Int32Array.from(data as Float32Array),
})
