// Makes dist/ of every published package: ESM and types, as tsc writes them. `pnpm build`
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { execute } from './src/execute.ts'
import { publishedInOrder, root } from './src/workspace.ts'

for (const { folder, manifest } of publishedInOrder()) {
  const started = performance.now()
  rmSync(join(root, folder, 'dist'), { recursive: true, force: true })
  execute('tsc', ['-p', join(folder, 'tsconfig.build.json')])
  console.log(`${manifest.name}  ${((performance.now() - started) / 1000).toFixed(1)} s`)
}
