/** Models as folders of compressed matrices, written and opened again. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  castTo,
  codebookWeight,
  f16Bits,
  f16Value,
  f32,
  floatGridWeight,
  packHighFirst,
  quantizedWeight,
  referenceBackend,
  sparseWeight,
  type Tensor,
  tensor,
  toF32,
  totalBits,
  type Weight,
} from '@sinter/tensor-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Checkpoint,
  encodeSafetensors,
  type FolderSource,
  folderFormatNamed,
  fourBitTables,
  int8Rows,
  logits,
  openCheckpoint,
  openModel,
  quantizedSource,
  writeCompressedFolder,
} from '../src/index.ts'
import { randomCheckpoint } from '../src/testing/index.ts'
import { sourceOf } from './helpers/memory-source.ts'

let root = ''
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'folders-'))
})
afterAll(() => rm(root, { recursive: true }))

const config = {
  model_type: 'llama',
  vocab_size: 40,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  tie_word_embeddings: true,
  dtype: 'bfloat16',
}

type Make = (weight: Tensor) => Weight

const shapeOf = ({ shape }: Tensor) => shape as [number, number]

/** Codes of a signed grid with a scale for 32 columns. */
const grid =
  (bits: number, extra: { readonly zeroPoints?: boolean; readonly dtype?: 'f16' | 'f32' } = {}): Make =>
  value => {
    const [rows, cols] = shapeOf(value)
    const { data } = toF32(value)
    const groups = cols / 32
    const half = 2 ** (bits - 1)
    const scales = new Float32Array(rows * groups)
    const codes = data.map((_, k) => {
      const group = Math.floor(k / 32)
      const run = data.subarray(group * 32, group * 32 + 32)
      scales[group] = f16Value(f16Bits(run.reduce((max, w) => Math.max(max, Math.abs(w)), 0) / (half - 0.5)))
      return Math.max(0, Math.min(2 * half - 1, Math.round(data[k]! / scales[group]!) + half))
    })
    const f16 = tensor('f16', [rows, groups], Uint16Array.from(scales, f16Bits))
    return quantizedWeight({
      shape: [rows, cols],
      bits,
      groupSize: 32,
      codes: Uint8Array.from(codes),
      scales: extra.dtype === 'f32' ? f32([rows, groups], scales) : f16,
      ...(extra.zeroPoints && { zeroPoints: Uint8Array.from(scales, (_, k) => half - 1 + (k % 2)) }),
    })
  }

const bytes = (count: number, most = 255): Uint8Array =>
  Uint8Array.from({ length: count }, (_, k) => (k * 37) % (most + 1))

const fourBit: Make = value => {
  const [rows, cols] = shapeOf(value)
  const scales = new Float32Array((rows * cols) / 64).map((_, k) => 0.1 + k / 100)
  const packed = packHighFirst(bytes(rows * cols, 15), 4)
  return codebookWeight({ shape: [rows, cols], bits: 4, blockSize: 64, levels: fourBitTables.nf4, packed, scales })
}

const nvfp4: Make = value => {
  const [rows, cols] = shapeOf(value)
  const scales: Tensor = { dtype: 'f8e4m3', shape: [rows, cols / 16], data: bytes((rows * cols) / 16, 0x30) }
  const codes = bytes((rows * cols) / 2)
  return floatGridWeight({ shape: [rows, cols], element: 'e2m1', block: [1, 16], codes, scales, globalScale: 64 })
}

const rowMaxima: Make = value => {
  const [rows, cols] = shapeOf(value)
  const maxima = new Float32Array(rows).map((_, k) => 0.1 + k / 100)
  return int8Rows(
    [rows, cols],
    bytes(rows * cols, 254).map(code => code + 1),
    maxima,
  )
}

const linear = /(_proj)\.weight$/

const checkpointOf = (make: (name: string, value: Tensor) => Weight | undefined, extra = {}) => {
  const { source } = randomCheckpoint({ ...config, ...extra })
  const own: FolderSource = {
    names: source.names,
    info: source.info,
    read: source.read,
    weight: async name => (linear.test(name) ? make(name, await source.read(name)) : undefined),
  }
  const checkpoint: Omit<Checkpoint, 'source'> & { readonly source: FolderSource } = {
    path: 'random',
    folder: root,
    config: { ...config, ...extra },
    source: own,
    hasTokenizer: false,
    files: [],
    close: async () => {},
  }
  return { checkpoint, source }
}

const written = async (path: string): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(join(path, 'config.json'), 'utf8')).quantization_config

const cases: readonly (readonly [string, string, Make])[] = [
  ['compressed-tensors, 4 bits', 'compressed-tensors', grid(4)],
  [
    'compressed-tensors, 2 bits with zero points, f32',
    'compressed-tensors',
    grid(2, { zeroPoints: true, dtype: 'f32' }),
  ],
  ['compressed-tensors, W8A8', 'compressed-tensors:int-quantized', grid(8)],
  ['compressed-tensors, NVFP4', 'compressed-tensors', nvfp4],
  ['GPTQ, 3 bits', 'gptq', grid(3)],
  ['GPTQ, version 2', 'gptq:v2', grid(4, { zeroPoints: true })],
  ['AWQ', 'awq', grid(4, { zeroPoints: true })],
  ['bitsandbytes', 'bitsandbytes', fourBit],
  ['bitsandbytes, 8 bits', 'bitsandbytes:int8', rowMaxima],
  ['HQQ', 'hqq', grid(4, { zeroPoints: true })],
]

describe.each(cases)('%s', (title, format, make) => {
  const path = () => join(root, title.replaceAll(/\W/g, '-'))
  it('a model is written, and comes back number for number', async () => {
    const { checkpoint, source } = checkpointOf((_, value) => make(value))
    const { held, notes } = await writeCompressedFolder(path(), checkpoint, folderFormatNamed(format))
    expect({ held: held.length, notes }).toEqual({ held: 14, notes: [] })
    const model = await openModel(path())
    expect(model.source.names().toSorted()).toEqual(source.names().toSorted())
    expect(model.configFile).not.toHaveProperty('quantization_config')
    for (const name of source.names()) {
      const expected = await checkpoint.source.weight(name)
      const value = await source.read(name)
      const opened = await model.source.weight!(name)
      expect((await model.source.read(name)).data, name).toEqual(expected ? expected.dense().data : value.data)
      expect(opened && totalBits(opened.bits()), name).toBe(expected && totalBits(expected.bits()))
      const { data } = await model.source.readRows(name, 1, 2)
      const width = value.data.length / value.shape[0]!
      expect(data).toEqual((expected?.dense() ?? toF32(value)).data.slice(width, 3 * width))
    }
    const ids = tensor('i32', [1, 5], Int32Array.of(3, 1, 4, 1, 5))
    const { data } = (await logits(model, referenceBackend(), ids)).get('logits')!
    expect((data as Float32Array).every(Number.isFinite)).toBe(true)
    await model.close()
  })
})

describe('what is said of layers that are no part of it', () => {
  it('heads that are tied, and matrices that stay plain', async () => {
    const some = (name: string, value: Tensor) => (name.includes('mlp') ? grid(4)(value) : undefined)
    const kept = (block: number) => ['q', 'k', 'v', 'o'].map(p => `model.layers.${block}.self_attn.${p}_proj`)
    const fields = { 'compressed-tensors': 'ignore', awq: 'modules_to_not_convert', hqq: 'skip_modules' }
    for (const [format, field] of Object.entries(fields)) {
      const path = join(root, `some-${format}`)
      await writeCompressedFolder(path, checkpointOf(some).checkpoint, folderFormatNamed(format))
      const named = (await written(path))[field] as string[]
      expect(named.toSorted()).toEqual(['lm_head', 'model.embed_tokens', ...kept(0), ...kept(1)].toSorted())
    }
  })

  it('several schemes: by name where the format can, and refused where it cannot', async () => {
    const both = (name: string, value: Tensor) => grid(name.includes('down') ? 8 : 4)(value)
    const path = (format: string) => join(root, `mixed-${format}`)
    const write = (format: string) =>
      writeCompressedFolder(path(format), checkpointOf(both).checkpoint, folderFormatNamed(format))
    await write('compressed-tensors')
    const groups = (await written(path('compressed-tensors'))).config_groups as Record<string, { targets: string[] }>
    expect(Object.values(groups).map(({ targets }) => targets.length)).toEqual([12, 2])
    await write('gptq')
    expect((await written(path('gptq'))).dynamic).toEqual({
      '+:^model\\.layers\\.0\\.mlp\\.down_proj$': { bits: 8, group_size: 32, sym: true, desc_act: false },
      '+:^model\\.layers\\.1\\.mlp\\.down_proj$': { bits: 8, group_size: 32, sym: true, desc_act: false },
    })
    for (const format of ['compressed-tensors', 'gptq']) {
      const opened = await openCheckpoint(path(format))
      const weight = await opened.source.weight!('model.layers.1.mlp.down_proj.weight')
      expect(weight!.attributes().bits).toBe(8)
      await opened.close()
    }
    await expect(write('awq')).rejects.toThrow(
      'model.layers.0.mlp.down_proj.weight cannot be stored as awq: its codes have 8 bits, and the format holds 4',
    )
  })

  it('what cannot be held is refused and leaves nothing, or is stored plain and said', async () => {
    const { checkpoint } = checkpointOf((name, value) => (name.includes('down') ? fourBit(value) : grid(4)(value)))
    const path = join(root, 'plain')
    const reason = 'it is codebook, and the format holds whole numbers with scales'
    await expect(writeCompressedFolder(path, checkpoint, folderFormatNamed('gptq'))).rejects.toThrow(
      `model.layers.0.mlp.down_proj.weight cannot be stored as gptq: ${reason}`,
    )
    expect((await readdir(root)).filter(name => name.includes('plain'))).toEqual([])
    const options = { allowPlain: true }
    const { held, notes } = await writeCompressedFolder(path, checkpoint, folderFormatNamed('gptq'), options)
    expect(held).toHaveLength(12)
    expect(notes[0]).toBe(`model.layers.0.mlp.down_proj.weight: stored as plain numbers, f32, for ${reason}`)
  })

  it('the type of the model is that of its scales, where readers bring both into one', async () => {
    const types = { 'compressed-tensors': 'float32', gptq: 'float16', hqq: 'bfloat16' }
    for (const [format, dtype] of Object.entries(types)) {
      const make = grid(4, format === 'compressed-tensors' ? { dtype: 'f32' } : {})
      const path = join(root, `type-${format}`)
      await writeCompressedFolder(path, checkpointOf((_, value) => make(value)).checkpoint, folderFormatNamed(format))
      expect(JSON.parse(await readFile(join(path, 'config.json'), 'utf8')).dtype).toBe(dtype)
    }
  })
})

describe("others' folders", () => {
  const folder = async (name: string, files: Readonly<Record<string, unknown>>, tensors: Record<string, Tensor>) => {
    const path = join(root, name)
    await writeCompressedFolder(path, checkpointOf(() => undefined).checkpoint, folderFormatNamed('gptq'))
    for (const [file, content] of Object.entries(files)) await writeFile(join(path, file), JSON.stringify(content))
    await writeFile(join(path, 'model.safetensors'), encodeSafetensors(new Map(Object.entries(tensors))))
    return path
  }

  it('configs of AutoGPTQ and AutoAWQ that lie in files of their own', async () => {
    for (const [format, file, content] of [
      ['gptq', 'quantize_config.json', { bits: 4, group_size: 32, desc_act: false }],
      ['awq', 'quant_config.json', { zero_point: true, q_group_size: 32, w_bit: 4, version: 'GEMM' }],
    ] as const) {
      const weight = grid(4)(
        f32(
          [32, 64],
          new Float32Array(2048).map((_, k) => Math.sin(k)),
        ),
      )
      const parts = folderFormatNamed(format).tensorsOf(weight, { dtype: 'float16' })
      const tensors = Object.fromEntries(Object.entries(parts).map(([suffix, part]) => [`a.${suffix}`, part]))
      const opened = await openCheckpoint(
        await folder(`early-${format}`, { 'config.json': {}, [file]: content }, tensors),
      )
      expect((await opened.source.read('a.weight')).data).toEqual(weight.dense().data)
      await opened.close()
    }
  })

  it('scales of activations and caches are no tensors of the model', async () => {
    const weight = grid(8)(
      f32(
        [32, 64],
        new Float32Array(2048).map((_, k) => Math.cos(k)),
      ),
    )
    const format = folderFormatNamed('compressed-tensors:int-quantized')
    const parts = Object.entries(format.tensorsOf(weight, { dtype: 'float16' }))
    const source = sourceOf({
      ...Object.fromEntries(parts.map(([suffix, part]) => [`layers.0.k_proj.${suffix}`, part])),
      'layers.0.k_proj.input_scale': f32([1], [1]),
      'layers.0.k_scale': f32([1], [1]),
      'layers.0.k_proj.bias': f32([32], new Float32Array(32)),
    })
    const quantization = format.config(new Map([['layers.0.k_proj', format.schemeOf(weight)]]), [])
    const opened = await quantizedSource(quantization, source)
    expect(opened.names()).toEqual(['layers.0.k_proj.bias', 'layers.0.k_proj.weight'])
    expect(opened.info('layers.0.k_proj.weight')).toMatchObject({ encoding: 'INT8', shape: [32, 64], dtype: 'f32' })
  })

  it('words of compressed-tensors up to 0.17, which hold whole codes', async () => {
    const weight = grid(3)(
      f32(
        [4, 64],
        new Float32Array(256).map((_, k) => Math.sin(k * k)),
      ),
    )
    const { codes, scales } = (weight as ReturnType<typeof quantizedWeight>).quantized
    const words = new Int32Array(4 * 7)
    for (const [k, code] of codes.entries()) {
      const column = k % 64
      words[Math.floor(k / 64) * 7 + Math.floor(column / 10)]! |= code << (3 * (column % 10))
    }
    const source = sourceOf({
      'a.weight_packed': tensor('i32', [4, 7], words),
      'a.weight_scale': scales,
      'a.weight_shape': tensor('i64', [2], BigInt64Array.of(4n, 64n)),
    })
    const scheme = { num_bits: 3, type: 'int', strategy: 'group', group_size: 32, symmetric: true }
    const config_groups = { group_0: { targets: ['re:.*'], weights: scheme } }
    const opened = await quantizedSource({ quant_method: 'compressed-tensors', config_groups }, source)
    expect((await opened.read('a.weight')).data).toEqual(weight.dense().data)
  })

  it('scales that f16 has too are brought into it; others have no place', async () => {
    const scalesOf = (scale: number) => castTo(f32([32, 2], new Float32Array(64).fill(scale)), 'bf16')
    const weight = (scale: number) =>
      quantizedWeight({ shape: [32, 64], bits: 4, groupSize: 32, codes: bytes(2048, 15), scales: scalesOf(scale) })
    for (const name of ['gptq', 'awq']) {
      const format = folderFormatNamed(name)
      expect(format.cannotHold(weight(0.0123))).toBeUndefined()
      expect(format.tensorsOf(weight(0.0123), { dtype: 'bfloat16' }).scales).toMatchObject({
        dtype: 'f16',
        shape: [2, 32],
      })
      expect(format.cannotHold(weight(1e-8))).toBe('its scales are bf16, and the format holds f16 (scaleDType)')
    }
  })

  it('removed elements are codes of zero', async () => {
    const inner = grid(4, { zeroPoints: true })(
      f32(
        [32, 64],
        new Float32Array(2048).map((_, k) => Math.sin(k)),
      ),
    )
    const removed = Uint8Array.from({ length: 2048 }, (_, k) => k % 2)
    const weight = sparseWeight({ inner: inner as ReturnType<typeof quantizedWeight>, removed })
    const { checkpoint } = checkpointOf((_, value) =>
      value.shape.join() === '32,64' ? weight : grid(4, { zeroPoints: true })(value),
    )
    const path = join(root, 'sparse')
    await writeCompressedFolder(path, checkpoint, folderFormatNamed('awq'))
    const opened = await openCheckpoint(path)
    expect((await opened.source.read('model.layers.0.self_attn.k_proj.weight')).data).toEqual(weight.dense().data)
    await opened.close()
  })
})
