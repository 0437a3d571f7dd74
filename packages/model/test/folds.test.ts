import type { BlockGraph, LayerGroup, Producer } from '@sinter/model'
import {
  type Backend,
  createRng,
  f32,
  graph,
  type Rng,
  referenceBackend,
  type Tensor,
  type TensorF32,
} from '@sinter/tensor-core'
import { describe, expect, test } from 'vitest'
import { type FolderName, folders, maxDifference, tellLeftOut, withFolder } from './helpers/family-folders.ts'

tellLeftOut()

const backend: Backend = referenceBackend()
type Tensors = Map<string, TensorF32>

/** One positive scale a channel of the group's input; heads that read one value head share its scales. */
function randomScales(group: LayerGroup, producer: Producer, rng: Rng): Float32Array {
  const draw = () => Math.exp(rng.normal())
  if (producer.kind === 'norm' || !producer.heads) return Float32Array.from({ length: group.width }, draw)
  const { heads, kvHeads, headDim } = producer.heads
  const own = Float32Array.from({ length: kvHeads * headDim }, draw)
  return Float32Array.from({ length: group.width }, (_, i) => {
    const kvHead = Math.floor((Math.floor(i / headDim) * kvHeads) / heads)
    return own[kvHead * headDim + (i % headDim)]!
  })
}

/** The scale of row r of the producing linear. */
function rowScale(producer: Producer & { kind: 'linear' }, scales: Float32Array, row: number): number {
  if (!producer.heads) return scales[row]!
  const { heads, kvHeads, headDim } = producer.heads
  return scales[Math.floor(row / headDim) * (heads / kvHeads) * headDim + (row % headDim)]!
}

function divideProducer(tensors: Tensors, producer: Producer, scales: Float32Array): void {
  const change = (name: string | undefined, f: (value: number, index: number) => number) => {
    if (name === undefined) return
    const old = tensors.get(name)!
    tensors.set(name, f32(old.shape, old.data.map(f)))
  }
  if (producer.kind === 'norm') {
    const { offset } = producer
    change(producer.weight, (w, i) => (w + offset) / scales[i]! - offset)
    change(producer.bias, (b, i) => b / scales[i]!)
    return
  }
  const { start, channels } = producer
  const divided = (value: number, row: number) =>
    row >= start && row < start + channels ? value / rowScale(producer, scales, row - start) : value
  const width = tensors.get(producer.weight)!.shape[1]!
  change(producer.weight, (w, k) => divided(w, Math.floor(k / width)))
  change(producer.bias, (b, row) => divided(b, row))
}

function multiplyGroup(tensors: Tensors, group: LayerGroup, scales: Float32Array): void {
  for (const linear of group.linears) {
    const old = tensors.get(`${linear}.weight`)!
    tensors.set(
      `${linear}.weight`,
      f32(
        old.shape,
        old.data.map((w, k) => w * scales[k % group.width]!),
      ),
    )
  }
}

/** Biases and norm weights of a fresh checkpoint are zeros and ones, which would hide a forgotten one. */
function disturbed(tensors: Tensors, rng: Rng): Tensors {
  return new Map(
    [...tensors].map(([name, t]) => [
      name,
      t.shape.length === 1
        ? f32(
            t.shape,
            t.data.map(w => w + 0.3 * rng.normal()),
          )
        : t,
    ]),
  )
}

async function blockOutput(
  block: BlockGraph,
  tables: ReadonlyMap<string, Tensor>,
  x: Tensor,
  tensors: Tensors,
): Promise<Tensor> {
  const program = await backend.compile(graph({ y: block.output }))
  const { y } = await program.run({ x, ...Object.fromEntries([...tables, ...tensors]) })
  return y as Tensor
}

describe('folding a scale into a producer leaves the block as it was', () => {
  test.each(folders)('%s', name =>
    withFolder(name, async ({ model }) => {
      const rng = createRng(name)
      for (let b = 0; b < model.blocks; b++) {
        const block = model.blockGraph(b)
        const tensors = disturbed(await model.readBlock(b), rng)
        const x = f32(
          [2, 5, model.config.hiddenSize],
          Float32Array.from({ length: 10 * model.config.hiddenSize }, () => rng.normal()),
        )
        const tables = model.tables(block, 5)
        const before = await blockOutput(block, tables, x, tensors)
        for (const group of block.groups) {
          if (!group.producer) continue
          const scales = randomScales(group, group.producer, rng)
          const scaled = new Map(tensors)
          multiplyGroup(scaled, group, scales)
          const half = await blockOutput(block, tables, x, scaled)
          expect(maxDifference(half, before), 'the scale alone must show').toBeGreaterThan(1e-3)
          divideProducer(scaled, group.producer, scales)
          const after = await blockOutput(block, tables, x, scaled)
          expect(maxDifference(after, before), `${group.linears[0]}`).toBeLessThan(2e-5)
        }
      }
    }),
  )
})

describe('groups', () => {
  const expected: Partial<Record<FolderName, readonly string[]>> = {
    'llama-mqa-headdim-bias': [
      'self_attn.q_proj,self_attn.k_proj,self_attn.v_proj ← norm input_layernorm.weight',
      'self_attn.o_proj ← linear self_attn.v_proj.weight 0+12',
      'mlp.gate_proj,mlp.up_proj ← norm post_attention_layernorm.weight',
      'mlp.down_proj ← linear mlp.up_proj.weight 0+44',
    ],
    'phi3-longrope-long': [
      'self_attn.qkv_proj ← norm input_layernorm.weight',
      'self_attn.o_proj ← linear self_attn.qkv_proj.weight 64+32',
      'mlp.gate_up_proj ← norm post_attention_layernorm.weight',
      'mlp.down_proj ← linear mlp.gate_up_proj.weight 44+44',
    ],
    'gpt2-hub-names': [
      'attn.c_attn ← norm ln_1.weight',
      'attn.c_proj ← linear attn.c_attn.weight 64+32',
      'mlp.c_fc ← norm ln_2.weight',
      'mlp.c_proj ← linear mlp.c_fc.weight 0+52',
    ],
    // Post-norm: what enters the linears also runs along the stream.
    'opt-350m-style': [
      'self_attn.q_proj,self_attn.k_proj,self_attn.v_proj',
      'self_attn.out_proj ← linear self_attn.v_proj.weight 0+32',
      'fc1',
      'fc2 ← linear fc1.weight 0+48',
    ],
    // Values interleaved by head are not one range of rows, and gelu does not commute with a scale.
    'gpt_neox-parallel': [
      'attention.query_key_value ← norm input_layernorm.weight',
      'attention.dense',
      'mlp.dense_h_to_4h ← norm post_attention_layernorm.weight',
      'mlp.dense_4h_to_h',
    ],
    'gemma2-softcap': [
      'self_attn.q_proj,self_attn.k_proj,self_attn.v_proj ← norm input_layernorm.weight +1',
      'self_attn.o_proj ← linear self_attn.v_proj.weight 0+24',
      'mlp.gate_proj,mlp.up_proj ← norm pre_feedforward_layernorm.weight +1',
      'mlp.down_proj ← linear mlp.up_proj.weight 0+44',
    ],
  }
  const describeGroup = ({ linears, producer: p }: LayerGroup): string => {
    if (!p) return linears.join()
    const detail = p.kind === 'linear' ? ` ${p.start}+${p.channels}` : p.offset ? ' +1' : ''
    return `${linears.join()} ← ${p.kind} ${p.weight}${detail}`
  }
  test.each(Object.keys(expected) as FolderName[])('%s', name =>
    withFolder(name, async ({ model }) => {
      const block = model.blockGraph(0)
      expect(block.groups.map(describeGroup)).toEqual(expected[name])
      expect(block.groupInputs.map(node => node.shape.at(-1))).toEqual(block.groups.map(group => group.width))
      expect(block.groups.flatMap(group => group.linears)).toEqual(block.linears.map(linear => linear.name))
    }),
  )

  test('blocks that compute the same share a key, others do not', () =>
    withFolder('gemma3-linear-global', async ({ model }) => {
      const keys = Array.from({ length: model.blocks }, (_, i) => model.blockGraph(i).key)
      expect(keys.map(key => keys.indexOf(key))).toEqual([0, 0, 2, 0])
    }))
})
