/**
 * Reads mutated safetensors and GGUF headers: `node --conditions=@sinter/source tools/fuzz/src/headers.ts --count 200000`.
 * A failure names its case; `--first N --count 1` repeats it. Exit code 1 when anything failed.
 */
import { parseArgs } from 'node:util'
import { formatReport, fuzzHeaders } from './fuzz.ts'
import { makeSeeds } from './seeds.ts'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '200000' }, first: { type: 'string', default: '0' } },
})
const report = fuzzHeaders(await makeSeeds(), Number(values.first), Number(values.count))
console.log(formatReport(report))
process.exitCode = report.failures.length > 0 ? 1 : 0
