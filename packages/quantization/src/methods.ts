// Every method of this package. To add one: its file, and a line here.
export { awq } from './awq.ts'
export { gptqMethod } from './gptq.ts'
export { rtnMethod } from './rtn.ts'
