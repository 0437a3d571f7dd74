// Every method of this package. To add one: its file, and a line here.
export { magnitude } from './magnitude.ts'
export { sparseGptMethod } from './sparsegpt.ts'
export { wanda } from './wanda.ts'
