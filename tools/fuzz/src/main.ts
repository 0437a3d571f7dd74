/**
 * Reads mutated files: `node --conditions=@sinter/source tools/fuzz/src/main.ts --count 1000000`; `--only gguf,safetensors` picks
 * kinds. A failure names its case, which `--first N --count 1` repeats with the same kinds. Exit code 1 when anything failed.
 */
import { parseArgs } from 'node:util'
import { formatReport } from './fuzz.ts'
import { guardedFuzz } from './guard.ts'

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200000' },
    first: { type: 'string', default: '0' },
    only: { type: 'string' },
  },
})
const report = await guardedFuzz({
  targets: new URL('targets.ts', import.meta.url).href,
  only: values.only?.split(','),
  first: Number(values.first),
  count: Number(values.count),
  onProgress: done => process.stderr.write(`\r${done} files`),
})
process.stderr.write('\r')
console.log(formatReport(report))
process.exitCode = report.failures.length > 0 ? 1 : 0
