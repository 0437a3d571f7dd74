#!/usr/bin/env node
import { run } from './run.ts'

const code = await run(process.argv.slice(2))
// A failed command may leave a worker thread at a long product: waiting for it would keep the shell from its prompt.
if (code !== 0) process.exit(code)
