// Who may import whom: the rules are in turbo.json. `pnpm boundaries`
import { untagged } from './src/tags.ts'
import { turbo } from './src/turbo.ts'
import { root } from './src/workspace.ts'

const missing = untagged(root)
for (const folder of missing)
  console.error(`${folder}: turbo.json gives it no tag of the root's, so no rule holds for it`)
const { status, output } = turbo(['boundaries', '--no-color'], root)
console.log(output.trim())
process.exitCode = missing.length > 0 ? 1 : status
