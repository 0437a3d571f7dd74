// Bundled and loaded by the extension host, which awaits run(): when it rejects, the window's exit code is 1.
import { writeFileSync } from 'node:fs'
import Mocha from 'mocha'
import { activationTests } from './activation.ts'
import { assistantTests } from './assistants.ts'
import { type InHostResult, type InHostTest, RESULTS } from './in-host-test.ts'
import { recipeTests } from './recipes.ts'
import { taskTests } from './tasks.ts'

const PATIENCE_MS = 60_000

export function run(): Promise<void> {
  const results: InHostResult[] = []
  const mocha = new Mocha({ timeout: PATIENCE_MS, reporter: 'min' })
  for (const test of [...activationTests, ...recipeTests, ...assistantTests, ...taskTests])
    mocha.suite.addTest(new Mocha.Test(test.name, () => record(test, results)))
  return new Promise((resolve, reject) => {
    mocha.run(failures => {
      writeFileSync(process.env[RESULTS]!, JSON.stringify(results))
      if (failures === 0) resolve()
      else reject(new Error(`${failures} tests failed in the extension host`))
    })
  })
}

async function record({ name, run }: InHostTest, results: InHostResult[]): Promise<void> {
  const started = performance.now()
  const milliseconds = (): number => Math.round(performance.now() - started)
  try {
    const told = await run()
    results.push({ name, milliseconds: milliseconds(), told })
  } catch (error) {
    results.push({ name, milliseconds: milliseconds(), error: String((error as Error).stack ?? error) })
    throw error
  }
}
