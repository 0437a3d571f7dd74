// Every method of this package. To add one: its file, and a line here.
export { lora } from './lora-method.ts'
