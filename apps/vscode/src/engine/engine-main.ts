import './quiet-natives.ts'
import { fileURLToPath } from 'node:url'
import { serve } from './serve.ts'

// The engine of an editor: JSON-RPC on the standard streams, until the input ends.

// The output is for messages alone.
console.log = console.error
console.info = console.error
// An answer to nobody: the input will end too.
process.stdout.on('error', () => {})
// Told to end it listens to nobody any more, and tidies up as at any end.
process.once('SIGTERM', () => process.stdin.destroy())

const run = import.meta.url.endsWith('.ts') ? './run-main.ts' : './run.mjs'
const program = fileURLToPath(new URL(run, import.meta.url))

await serve({
  input: process.stdin,
  output: process.stdout,
  runProgram: { node: process.execPath, args: [...process.execArgv, program] },
}).catch(error => {
  if (!process.stdin.destroyed) throw error
})
// Work that does not stop when it is told to is not waited for.
process.exit(0)
