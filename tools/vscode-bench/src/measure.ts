/**
 * node --conditions=@sinter/source src/measure.ts [--model FOLDER] [--repeat 3]
 * What the extension costs in a real workbench: activation, size, the time from a click to the tree of a model and of a sparse file of
 * 20 GB, and the memory of the extension host while a run is on. By hand, on an idle machine; figures go to docs/measurements.md.
 */
import { rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bench } from './install.ts'
import { runRecipe } from './journeys/run-recipe.ts'
import { extension, packExtension } from './pack.ts'
import { runInHost } from './run-in-host.ts'
import { openSession, type Session } from './session.ts'
import { closeEditors, openFile, PATIENCE_MS, runCommand, webviewWith } from './workbench.ts'

const { values: given } = parseArgs({
  options: {
    model: { type: 'string', default: join(bench, '../../apps/cli/assets/demo-model') },
    repeat: { type: 'string', default: '3' },
  },
})
const GIGABYTES = 20

interface Opened {
  /** From the page's own start to the first row of its tree. */
  readonly page: number
  /** From the key that opens the file; a look every 10 ms. */
  readonly whole: number
}

const vsix = packExtension()
const repeat = Number(given.repeat)
const { results } = await runInHost()
console.log(`activation: ${results.find(({ name }) => name.startsWith('activates'))?.told}`)
console.log(`host bundle: ${(statSync(join(extension, 'dist/extension.cjs')).size / 1000).toFixed(1)} kB`)

const session = await openSession(
  { vsix: [vsix] },
  { 'text.txt': 'The cat sat on the mat and looked at the moon. '.repeat(2000) },
)
try {
  const { workspace } = session
  symlinkSync(join(given.model, 'model.safetensors'), join(workspace, 'real.safetensors'))
  await writeSparse(join(workspace, 'sparse.safetensors'))
  const steps = [{ method: 'gptq', bits: 4, groupSize: 64 }]
  const recipe = {
    version: 1,
    model: given.model,
    steps,
    calibration: { text: 'text.txt', samples: 16, length: 256 },
  }
  writeFileSync(join(workspace, 'memory.sinter.jsonc'), JSON.stringify(recipe))

  // The first webview of a window starts a service worker, whoever it belongs to.
  console.log(`first file of a window: ${told([await timed(session, 'real.safetensors')])}`)
  for (const name of ['real.safetensors', 'sparse.safetensors']) {
    const times: Opened[] = []
    for (let round = 0; round < repeat; round++) times.push(await timed(session, name))
    console.log(`${name}: ${told(times)}`)
  }
  await memory(session)
} finally {
  await session.close()
}

async function timed({ page }: Session, name: string): Promise<Opened> {
  await page.keyboard.press('Control+P')
  const input = page.locator('.quick-input-widget:visible input[type=text]')
  await input.fill(name)
  const row = page.locator('.quick-input-list .monaco-list-row', { hasText: name }).first()
  await row.waitFor({ timeout: PATIENCE_MS })
  const began = performance.now()
  await page.keyboard.press('Enter')
  const view = await webviewWith(page, '[role=treeitem]', 10)
  const whole = performance.now() - began
  const shown = await view.evaluate(() => performance.now())
  const seen = performance.now() - began
  await closeEditors(page)
  // The page's clock began with the page; what passed since the tree was seen is taken off.
  return { page: shown - (seen - whole), whole }
}

function told(times: readonly Opened[]): string {
  return times.map(({ page, whole }) => `${page.toFixed(0)} of ${whole.toFixed(0)} ms`).join(', ')
}

/** A model whose weights are a hole: 20 matrices of a gigabyte. */
async function writeSparse(path: string): Promise<void> {
  const entries = Array.from({ length: GIGABYTES }, (_, index) => {
    const data_offsets = [index * 1e9, (index + 1) * 1e9]
    return [`model.layers.${index}.weight`, { dtype: 'F32', shape: [15_625, 16_000], data_offsets }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(header.length))
  const file = await open(path, 'w')
  await file.write(Buffer.concat([size, header]))
  await file.truncate(8 + header.length + GIGABYTES * 1e9)
  await file.close()
}

/** Of the extension host, at rest and while a run is shown. */
async function memory(session: Session): Promise<void> {
  const { page, host, workspace } = session
  const resident = (): number => (host.observed.hostFacts()?.residentBytes ?? 0) / 2 ** 20
  await openFile(page, 'memory.sinter.jsonc')
  await runCommand(page, 'Sinter: Show Runs')
  await page.waitForTimeout(10_000)
  const idle = resident()
  let most = 0
  const watch = setInterval(() => {
    most = Math.max(most, resident())
  }, 250)
  await runRecipe(session, 'memory.sinter.jsonc')
  clearInterval(watch)
  rmSync(join(workspace, 'memory'), { recursive: true })
  console.log(`extension host: ${idle.toFixed(0)} MiB at rest, at most ${most.toFixed(0)} MiB while a run was on`)
}
