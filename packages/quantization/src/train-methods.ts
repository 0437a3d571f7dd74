// Every method of this package that trains. To add one: its file, and a line here.
export { peqa } from './qat/peqa.ts'
export { lsq, qat } from './qat/qat.ts'
export { regularised } from './qat/regularised.ts'
