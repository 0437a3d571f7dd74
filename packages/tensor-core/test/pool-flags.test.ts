import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

const pool = new URL('../src/index.ts', import.meta.url).href
const code = `
  const { createPool, collectKernel } = await import(${JSON.stringify(pool)})
  const pool = createPool({ threads: 2 })
  console.log((await pool.rows(collectKernel, 2, {})).length)
  await pool.close()
`

/** Editors start the engine with a heap of a size. */
test.each([['--max-old-space-size=512'], ['--max-semi-space-size=16']])('workers start in a process with %s', flag => {
  const args = [flag, '--conditions=@sinter/source', '--input-type=module', '--eval', code]
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(stdout).toBe('2\n')
})
