import './quiet-natives.ts'
import { resolve } from 'node:path'

// A run of its own: `node run.mjs FOLDER [PARALLEL]`. It outlives who started it.
const controller = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  })
// Whoever started it from a terminal may close that.
process.on('SIGHUP', () => {})

const [folder, parallel = '1'] = process.argv.slice(2)
if (folder === undefined || !/^[1-9]\d?$/.test(parallel)) {
  console.error(
    'usage: run FOLDER [PARALLEL], the folder of a run with its run.json, and how many runs may be at work at once (1 to 99, default 1)',
  )
  process.exit(2)
}
const { executeRun } = await import('./run/execute-run.ts')
const code = await executeRun(resolve(folder), controller.signal, { parallel: Number(parallel) })
// A stopped run may leave a worker thread at a long product.
process.exit(code)
