import { magnitude } from './magnitude.ts'
import { sparseGptMethod } from './sparsegpt.ts'
import { wanda } from './wanda.ts'

/** Every method of this package. To add one: its file, and a line here. */
export const methods: readonly [typeof magnitude, typeof wanda, typeof sparseGptMethod] = [
  magnitude,
  wanda,
  sparseGptMethod,
]
