import { readFileSync } from 'node:fs'
import { type Golden, goldenTest, statisticsOf, tinyBlock } from '@sinter/model/testing'
import { defaultCompute, resolveGrid, type TensorF32, toF32 } from '@sinter/tensor-core'
import { expect } from 'vitest'
import { searchScales } from '../src/awq.ts'
import { awqClip } from '../src/awq-clip.ts'
import { meanSquaredError } from '../src/awq-scales.ts'

interface Recorded {
  readonly results: Readonly<
    Record<string, { readonly linears: string[]; readonly best_index: number; readonly losses: number[] }>
  >
}

// llm-awq's range does not have to hold 0, and its search keeps scales unrounded.
const grid = resolveGrid({ bits: 4, symmetric: false, throughZero: false, scaleDType: 'f64' })

/** Largest relative difference. */
const worst = (a: Iterable<number>, b: ArrayLike<number>): number =>
  Math.max(...Array.from(a, (value, k) => Math.abs(value / b[k]! - 1)))

function blockOf(golden: Golden) {
  const names = golden.names().filter(name => name.startsWith('W.'))
  const tensors = Object.fromEntries(names.map(name => [name.slice(2), toF32(golden.tensor(name))]))
  return tinyBlock({ tensors, x: golden.f64('x'), sequences: 4, heads: 4, kvHeads: 4 })
}

goldenTest(
  'AWQ search on a llama block, module objective (llm-awq)',
  import.meta.url,
  'awq',
  ['llama_block_4bit_g32'],
  async golden => {
    const url = new URL('./fixtures/awq/llama_block_4bit_g32.json', import.meta.url)
    const recorded = JSON.parse(readFileSync(url, 'utf8')) as Recorded
    const block = blockOf(golden)
    for (const [producer, { linears, best_index, losses }] of Object.entries(recorded.results)) {
      const group = block.groups.find(g => g.linears[0] === linears[0])!
      const { sumAbs, tokens } = block.statistics(group)
      const meanAbs = sumAbs!.map(sum => sum / tokens)
      const original = await block.moduleOutput(group, new Map())
      const loss = async (rounded: readonly TensorF32[]) =>
        meanSquaredError(
          original,
          await block.moduleOutput(group, new Map(linears.map((l, k) => [`${l}.weight`, rounded[k]!]))),
        )
      const weights = linears.map(linear => block.tensor(`${linear}.weight`))
      const ours = await searchScales(weights, meanAbs, loss, { groupSize: 32, grid })
      expect(ours.index).toBe(best_index)
      expect(worst(ours.losses, losses), producer).toBeLessThan(1e-6)
      const scales = golden.f64(`scale64.${producer}`)
      // Ours come from float64 activations, the recorded ones from float32: 3e-9 after the norm, 8e-8 before down_proj.
      expect(worst(ours.scales, scales), producer).toBeLessThan(1e-7)
    }
  },
)

goldenTest(
  'AWQ clip search (llm-awq): the step of at least 94 % of the groups',
  import.meta.url,
  'awq',
  ['clip_4bit_g32'],
  async golden => {
    for (const name of ['mlp.down_proj', 'self_attn.o_proj']) {
      const weight = toF32(golden.tensor(`W.${name}`))
      const { gram } = statisticsOf({ width: weight.shape[1]!, data: golden.f64(`feat.${name}`) }, 1)
      const { steps } = await awqClip(weight, gram, 32, grid, defaultCompute())
      const expected = golden.f64(`clip_index64.${name}`)
      const equal = expected.filter((step, k) => step === steps[k]).length / expected.length
      expect(equal).toBeGreaterThanOrEqual(0.94)
    }
  },
)
