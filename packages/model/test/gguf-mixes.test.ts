import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isQuantized } from '../src/formats/gguf-mix-kept.ts'
import { ggufMixes } from '../src/formats/gguf-mix-table.ts'
import { findMix, mixFactsOf, typesOfMix } from '../src/formats/gguf-mixes.ts'
import { ggufArray, ggufString, ggufU32 } from '../src/formats/gguf-value.ts'
import { type MixModel, mixModels, runs } from './helpers/mix-models.ts'

type Recorded = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, string>>>>>>
/** Types of the matrices of a kind, layer by layer: what `llama_quant_compute_types` of llama.cpp v0.5.0 said. */
const recorded = JSON.parse(readFileSync(new URL('fixtures/gguf-mixes.json', import.meta.url), 'utf8')) as Recorded

function byKind({ facts, tensors }: MixModel, mix: string): Record<string, string> {
  const types = typesOfMix(ggufMixes[mix]!, tensors, facts, false)
  const kinds = new Map<string, (string | undefined)[]>()
  for (const [i, { name }] of tensors.entries()) {
    const kind = name.replace(/^blk\.\d+\./, '')
    kinds.set(kind, [...(kinds.get(kind) ?? []), types[i]!.type])
  }
  const quantized = [...kinds].filter(([, found]) => found.some(type => type !== undefined))
  return Object.fromEntries(quantized.map(([kind, found]) => [kind, runs(found)]))
}

describe.each(Object.keys(mixModels))('%s', name => {
  it.each(Object.keys(recorded[name]!))('%s: the types that llama.cpp chooses', mix => {
    expect(byKind(mixModels[name]!, mix)).toEqual(recorded[name]![mix])
  })
})

describe('an importance matrix changes the choice', () => {
  const model = mixModels['llama 8B']!
  const types = (mix: string, importance: boolean, kind: string) =>
    runs(
      model.tensors.flatMap(({ name }, i) =>
        name.endsWith(kind) ? [typesOfMix(ggufMixes[mix]!, model.tensors, model.facts, importance)[i]!.type] : [],
      ),
    )
  // From reading llama-quant.cpp: its library does not say which types it would choose with importance.
  it.each([
    ['Q4_0', 'ffn_down.weight', 'Q4_0*32', 'Q4_1*4 Q4_0*28'],
    ['Q5_0', 'ffn_down.weight', 'Q5_0*32', 'Q5_1*4 Q5_0*28'],
    ['IQ4_XS', 'ffn_down.weight', 'Q5_K*4 IQ4_XS*28', 'IQ4_XS*32'],
    ['IQ3_XXS', 'ffn_down.weight', 'Q4_K*4 Q3_K*28', 'IQ3_XXS*32'],
    ['Q4_K_M', 'attn_k.weight', 'Q4_K*32', 'Q4_K*32'],
  ])('%s, %s', (mix, kind, without, withIt) => {
    expect(types(mix, false, kind)).toBe(without)
    expect(types(mix, true, kind)).toBe(withIt)
  })
})

describe('what llama.cpp never quantizes', () => {
  it.each([
    ['blk.0.attn_q.weight', [64, 64], true],
    ['blk.0.ffn_up_exps.weight', [4, 64, 64], true],
    ['blk.0.attn_q.bias', [64], false],
    ['blk.0.attn_norm.weight', [64], false],
    ['blk.0.attn_q.weight', [1, 64], false],
    ['blk.0.ffn_gate_inp.weight', [8, 64], false],
    ['position_embd.weight', [64, 64], false],
    ['blk.0.ssm_conv1d.weight', [64, 4], false],
    ['rope_freqs.weight', [32], false],
  ])('%s %j: %s', (name, shape, quantized) => expect(isQuantized({ name, shape })).toBe(quantized))
})

describe('names', () => {
  it('are found in any case, and by the names that llama-quantize takes for others', () => {
    expect(findMix('q4_k_m')?.name).toBe('Q4_K_M')
    expect(findMix('Q4_K')?.name).toBe('Q4_K_M')
    expect(findMix('Q3_K')?.mix.fileType).toBe(12)
    expect(findMix('Q9')).toBeUndefined()
    expect(findMix('constructor')).toBeUndefined()
  })

  it('have file types of their own', () => {
    const types = Object.values(ggufMixes).map(({ fileType }) => fileType)
    expect(new Set(types).size).toBe(types.length)
  })
})

describe('what is looked at of the keys', () => {
  it('the first layer speaks for all where layers differ', () => {
    const metadata = new Map([
      ['general.architecture', ggufString('deci')],
      ['deci.block_count', ggufU32(2)],
      ['deci.attention.head_count', ggufArray('u32', [8, 4])],
      ['deci.attention.head_count_kv', ggufArray('u32', [2, 4])],
    ])
    expect(mixFactsOf(metadata)).toEqual({ arch: 'deci', layers: 2, heads: 8, kvHeads: 2, experts: 0 })
  })

  it('key heads are as many as heads when they are not named', () => {
    const metadata = new Map([
      ['general.architecture', ggufString('gpt2')],
      ['gpt2.block_count', ggufU32(2)],
      ['gpt2.attention.head_count', ggufU32(8)],
    ])
    expect(mixFactsOf(metadata)).toMatchObject({ heads: 8, kvHeads: 8 })
  })
})

it('a width that no block divides is stored as F16, and the type that it should have had is told', () => {
  const tensors = [{ name: 'blk.0.attn_q.weight', shape: [8, 100] }]
  const facts = { arch: 'llama', layers: 1, heads: 1, kvHeads: 1, experts: 0 }
  expect(typesOfMix(ggufMixes.Q4_K_M!, tensors, facts, false)).toEqual([
    { type: 'F16', insteadOf: 'Q4_K', needsImportance: false },
  ])
})

it('types of few values need importance, but not for embeddings', () => {
  const tensors = ['token_embd.weight', 'blk.0.attn_q.weight'].map(name => ({ name, shape: [256, 256] }))
  const facts = { arch: 'llama', layers: 1, heads: 1, kvHeads: 1, experts: 0 }
  const needs = (mix: string) => typesOfMix(ggufMixes[mix]!, tensors, facts, true).map(row => row.needsImportance)
  expect(needs('IQ2_XXS')).toEqual([false, true])
  expect(needs('Q2_K_S')).toEqual([false, true])
  expect(needs('Q2_K')).toEqual([false, false])
})
