// Every method of this package. To add one: its file, and a line here.
export { awq } from './awq.ts'
export { fp8Method, mxfp4Method, mxfp8Method, nvfp4Method } from './float-methods.ts'
export { fp4Method } from './fp4.ts'
export { gptqMethod } from './gptq.ts'
export { int8Method } from './int8-rows.ts'
export { nf4Method } from './nf4.ts'
export { rtnMethod } from './rtn.ts'
