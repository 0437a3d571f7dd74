import './quiet-natives.ts'
import { resolve } from 'node:path'

// A run of its own: `node run.mjs FOLDER`. It outlives who started it.
const controller = new AbortController()
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  })
// Whoever started it from a terminal may close that.
process.on('SIGHUP', () => {})

const folder = process.argv[2]
if (folder === undefined) {
  console.error('usage: run FOLDER, the folder of a run with its run.json')
  process.exit(2)
}
const { executeRun } = await import('./run/execute-run.ts')
const code = await executeRun(resolve(folder), controller.signal)
// A stopped run may leave a worker thread at a long product.
process.exit(code)
