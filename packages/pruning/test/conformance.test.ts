import { testWeightMethod } from '@sinter/model/testing'
import { magnitude } from '../src/magnitude.ts'
import { sparseGptMethod } from '../src/sparsegpt.ts'
import { wanda } from '../src/wanda.ts'

const half = { kind: 'magnitude', sparsity: 0.5 } as const
const twoOfFour = { kind: 'pattern', zeros: 2, of: 4 } as const
const fourOfEight = { kind: 'pattern', zeros: 4, of: 8 } as const

testWeightMethod(magnitude, [
  { name: 'half of the matrix', options: {}, baseline: half },
  { name: '2:4', options: { pattern: '2:4', dtype: 'bf16' }, baseline: twoOfFour },
])

testWeightMethod(wanda, [
  { name: 'half of each row', options: {}, baseline: half },
  { name: '2:4', options: { pattern: '2:4' }, baseline: twoOfFour },
  { name: '4:8, f32', options: { pattern: '4:8', dtype: 'f32' }, baseline: fourOfEight },
])

testWeightMethod(sparseGptMethod, [
  { name: 'half', options: {}, baseline: half },
  { name: '2:4', options: { pattern: '2:4' }, baseline: twoOfFour },
  { name: 'half, and 4 bits', options: { bits: 4, groupSize: 32 }, baseline: half },
  { name: '2:4, and 4 bits symmetric', options: { pattern: '2:4', bits: 4, symmetric: true }, baseline: twoOfFour },
])
