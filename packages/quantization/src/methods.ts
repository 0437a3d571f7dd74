import { awq } from './awq.ts'
import { gptqMethod } from './gptq.ts'
import { rtnMethod } from './rtn.ts'

/** Every method of this package. To add one: its file, and a line here. */
export const methods: readonly [typeof rtnMethod, typeof gptqMethod, typeof awq] = [rtnMethod, gptqMethod, awq]
