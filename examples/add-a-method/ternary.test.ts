import { testWeightMethod } from '@sinter/model/testing'
import { ternaryMethod } from './ternary.ts'

testWeightMethod(ternaryMethod, [
  // Three levels a row and no correction: the bar is to be better than no weights at all.
  { name: 'defaults', options: {}, baseline: { kind: 'magnitude', sparsity: 1 } },
])
