import { expect, test } from 'vitest'
import { missingParts } from '../src/available.ts'
import { packExtension } from '../src/pack.ts'
import { runInHost } from '../src/run-in-host.ts'

const missing = missingParts()
if (missing) console.warn(`\n*** NOT TESTED: the extension inside a real extension host. ${missing} ***\n`)

test.skipIf(missing)(
  'the tests inside the extension host pass, and the window says so',
  async () => {
    packExtension()
    const { exitCode, results, log } = await runInHost()
    for (const { name, milliseconds, told } of results)
      console.log(`${name} (${milliseconds} ms)${told ? `: ${told}` : ''}`)
    expect(results.filter(({ error }) => error !== undefined)).toEqual([])
    expect(results.length, log).toBe(8)
    expect(exitCode, log).toBe(0)
  },
  240_000,
)
