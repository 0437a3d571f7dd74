// Every method of this package. To add one: its file, and a line here.
export { adalora } from './adalora.ts'
export { dylora } from './dylora.ts'
export { glora } from './glora.ts'
export { lora } from './lora-method.ts'
