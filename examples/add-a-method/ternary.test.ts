import { testWeightMethod } from '@sinter/model/testing'
import { ternaryMethod } from './ternary.ts'

testWeightMethod(ternaryMethod, [
  { name: 'defaults', options: {}, baseline: { kind: 'round', bits: 2, groupSize: -1, symmetric: true } },
])
