// One file, so that one workbench runs at a time: two would share two cores, and each would pack the extension under the other.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { askLlamaCpp, canRunLlamaCpp } from '@sinter/model/testing'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { missingParts } from '../src/available.ts'
import { commandLine, compressOnWasm } from '../src/command-line.ts'
import type { HostOptions } from '../src/host.ts'
import { askAssistant } from '../src/journeys/ask-assistant.ts'
import { compareRun } from '../src/journeys/compare-run.ts'
import { exportRun, keepExport } from '../src/journeys/export-run.ts'
import { fillForm, fillUnsaved, openForm } from '../src/journeys/fill-form.ts'
import { hostileModels } from '../src/journeys/hostile-models.ts'
import { inspectModel } from '../src/journeys/inspect-model.ts'
import { liveRun } from '../src/journeys/live-run.ts'
import { queueRuns } from '../src/journeys/queue-runs.ts'
import { readReport } from '../src/journeys/read-report.ts'
import { runRecipe } from '../src/journeys/run-recipe.ts'
import { tryPrompt } from '../src/journeys/try-prompt.ts'
import { writeRecipe } from '../src/journeys/write-recipe.ts'
import { packExtension, webVsix } from '../src/pack.ts'
import { pseudo } from '../src/pseudo.ts'
import { speakPseudo } from '../src/pseudo-locale.ts'
import { runInHost } from '../src/run-in-host.ts'
import { journey, openSession, type Session } from '../src/session.ts'
import { artefacts, openFile, PATIENCE_MS, paletteRows, screenshot } from '../src/workbench.ts'

const missing = missingParts()
if (missing) console.warn(`\n*** NOT TESTED: the extension in a real workbench. ${missing} ***\n`)
const workbench = test.skipIf(missing)
const MINUTES = 60_000

let vsix: string
let session: Session | undefined

async function open(
  options: Partial<HostOptions>,
  ...rest: [files?: Record<string, string>, locale?: boolean]
): Promise<Session> {
  session = await openSession({ vsix: [vsix], ...options }, ...rest)
  return session
}

beforeAll(() => {
  if (missing) return
  rmSync(artefacts, { recursive: true, force: true })
  vsix = packExtension()
}, 2 * MINUTES)

// Whatever a journey does: neither the window nor a process asks a host but this machine, nobody is counted, and axe and the
// policies of webviews find nothing.
afterEach(async () => {
  if (!session) return
  const { strangers, problems, host } = session
  const { observed } = host
  const found = { strangers: [...strangers, ...observed.strangers()], telemetry: observed.telemetry(), problems }
  const seen = observed.hostFacts()?.pid
  await session.close()
  session = undefined
  expect(found).toEqual({ strangers: [], telemetry: [], problems: [] })
  expect(seen).toBeGreaterThan(0)
})

workbench('the tests inside the extension host pass, and the window says so', { timeout: 6 * MINUTES }, async () => {
  const { exitCode, results, log } = await runInHost()
  for (const { name, milliseconds, told } of results)
    console.log(`${name} (${milliseconds} ms)${told ? `: ${told}` : ''}`)
  expect(results.filter(({ error }) => error !== undefined)).toEqual([])
  expect(results.length, log).toBeGreaterThanOrEqual(8)
  expect(exitCode, log).toBe(0)
})

workbench(
  'a recipe with a wrong key is underlined, repaired by the light bulb, and planned',
  { timeout: 6 * MINUTES },
  async () => {
    const opened = await open({})
    await journey('write-recipe', opened, async () => {
      const { recipe, message, plan } = await writeRecipe(opened)
      expect(message).toContain('unknown key "bist"; did you mean "bits"?')
      expect(recipe).toContain('"bits": 4')
      expect(recipe).not.toContain('bist')
      expect(recipe).toContain('"model": "demo-model"')
      expect(plan).toMatch(/mlp\.down_proj +256×768 +compress +4-bit asymmetric, groups of 64/)
    })
    for (const theme of ['dark', 'light', 'contrast'])
      expect(existsSync(join(artefacts, `recipe-wrong-key-${theme}.png`))).toBe(true)
  },
)

const commented = `{
  // three bits may do
  "version": 1,
  "model": "demo-model",
  "steps": [{ "method": "rtn", "bits": 4, /* of a row */ "groupSize": 64 }]
}
`

workbench.for([
  ['process', () => vsix],
  ['worker of the browser', () => webVsix],
] as const)(
  'a recipe is changed in its form, and the text keeps all else; the form follows the text and is planned: the host is a %s',
  { timeout: 8 * MINUTES },
  async ([, packed]) => {
    const opened = await open({ vsix: [packed()] }, { 'filled.sinter.jsonc': commented })
    await journey('fill-form', opened, async () => {
      const { saved, mark, beside, plan } = await fillForm(opened, 'filled.sinter.jsonc')
      expect(mark).toMatch(/96/)
      expect(beside).toContain('"bits": 3, /* of a row */ "groupSize": 96')
      expect(saved).toBe(commented.replace('"bits": 4', '"bits": 3'))
      expect(plan).toMatch(/compress +3-bit .*groups of 64/)
    })
    for (const theme of ['dark', 'light', 'contrast'])
      expect(existsSync(join(artefacts, `form-${theme}.png`))).toBe(true)
  },
)

workbench('a recipe that was not saved yet has its form too', { timeout: 6 * MINUTES }, async () => {
  const opened = await open({})
  await journey('fill-unsaved', opened, async () => {
    expect(await fillUnsaved(opened)).toMatch(/"seed": 17/)
  })
})

workbench('a model opens as a tree of its tensors', { timeout: 6 * MINUTES }, async () => {
  const opened = await open({})
  commandLine([
    'convert',
    join(opened.workspace, 'demo-model'),
    '--to',
    'gguf:Q8_0',
    '--out',
    join(opened.workspace, 'demo.gguf'),
  ])
  await journey('inspect', opened, async () => {
    const { names, details } = await inspectModel(opened)
    expect(names.join(' ')).toMatch(/model/)
    expect(details).toContain('llama')

    const converted = await inspectModel(opened, 'demo.gguf')
    expect(converted.names.join(' ')).toMatch(/blk/)
    expect(converted.details).toContain('llama')
    expect(converted.details).toContain('Q8_0')
  })
})

workbench('a run writes the bytes that the command line writes', { timeout: 10 * MINUTES }, async () => {
  const steps = [{ method: 'gptq', bits: 4, groupSize: 64 }]
  const recipe = { version: 1, model: 'demo-model', steps, calibration: { text: 'text.txt', samples: 4, length: 64 } }
  const text = 'The cat sat on the mat and looked at the moon. '.repeat(100)
  const opened = await open({}, { 'small.sinter.jsonc': JSON.stringify(recipe), 'text.txt': text })
  await journey('run', opened, async () => {
    const weights = await runRecipe(opened, 'small.sinter.jsonc')
    const { workspace } = opened
    const other = join(workspace, 'by-command-line')
    commandLine(['compress', '--recipe', join(workspace, 'small.sinter.jsonc'), '--out', other, '--no-report'])
    expect(readFileSync(weights).equals(readFileSync(join(other, 'model.safetensors')))).toBe(true)
  })
})

workbench(
  'a run is watched, stopped, resumed, outlives its window, is killed and resumed, and gives the same bytes',
  { timeout: 12 * MINUTES },
  async () => {
    const steps = [{ method: 'gptq', bits: 4, groupSize: 64 }]
    const recipe = { version: 1, model: 'demo-model', steps, calibration: { text: 'text.txt', samples: 4, length: 64 } }
    const text = 'The cat sat on the mat and looked at the moon. '.repeat(100)
    const opened = await open({}, { 'live.sinter.jsonc': JSON.stringify(recipe), 'text.txt': text })
    await journey('live-run', opened, async () => {
      const { progress, aliveThrough, reason, attempts, weights } = await liveRun(opened, 'live')
      expect(progress).toMatch(/gptq {2}\w+ \d+ %/)
      expect(aliveThrough[1]).toBe(aliveThrough[0])
      expect(reason).toMatch(/process \d+ ended without saying why/)
      expect(attempts).toBe(3)
      const other = join(opened.workspace, 'by-command-line')
      const given = join(opened.workspace, 'live.sinter.jsonc')
      commandLine(['compress', '--recipe', given, '--out', other, '--no-report'])
      expect(readFileSync(weights).equals(readFileSync(join(other, 'model.safetensors')))).toBe(true)
    })
  },
)

workbench(
  'runs wait for their turn, also when the window is loaded again, and the recipe of one is opened to be changed',
  { timeout: 10 * MINUTES },
  async () => {
    const names = ['first', 'second', 'third'] as const
    const recipe = JSON.stringify({
      version: 1,
      model: 'demo-model',
      steps: [{ method: 'rtn', bits: 4, groupSize: 64 }],
    })
    const opened = await open({}, Object.fromEntries(names.map(name => [`${name}.sinter.jsonc`, recipe])))
    await journey('queue-runs', opened, async () => {
      const { statusBar, again } = await queueRuns(opened, names)
      expect(statusBar).toMatch(/first: .*, 2 waiting/)
      expect(again).toContain('"model": "demo-model"')
      expect(again).toContain('"groupSize": 64')
    })
  },
)

workbench(
  'of a run: prompts tried on both models, an export that llama.cpp opens, the report, the comparison',
  { timeout: 12 * MINUTES },
  async () => {
    const recipe = (bits: number) =>
      JSON.stringify({
        version: 1,
        model: 'demo-model',
        steps: [{ method: 'rtn', bits, groupSize: 64 }],
        evaluate: { text: 'text.txt', windows: 2, length: 64 },
      })
    const opened = await open(
      {},
      {
        'tiny.sinter.jsonc': recipe(2),
        'wide.sinter.jsonc': recipe(8),
        'text.txt': 'The cat sat on the mat and looked at the moon. '.repeat(100),
      },
    )
    const { workspace } = opened
    await journey('results', opened, async () => {
      for (const name of ['tiny', 'wide']) await runRecipe(opened, `${name}.sinter.jsonc`)
      const { original, compressed, verdict } = await tryPrompt(opened, 'tiny', 'The cat sat on the mat. ')
      expect(original).toMatch(/\S/)
      expect(compressed).toMatch(/\S/)
      expect(verdict).toContain(original === compressed ? 'are equal.' : 'they are marked')

      const { told, path } = await exportRun(opened, 'tiny', 'gguf:Q8_0', 'tiny-Q8_0.gguf')
      expect(told).toMatch(/rounded (a second time, )?to Q8_0/)
      const exported = readFileSync(path)
      const other = join(workspace, 'by-command-line.gguf')
      commandLine(['convert', join(workspace, 'tiny'), '--to', 'gguf:Q8_0', '--out', other, '--quiet'])
      expect(exported.equals(readFileSync(other))).toBe(true)
      await keepExport(opened, 'tiny', 'gguf:Q8_0', 'tiny-Q8_0.gguf')
      expect(readFileSync(path).equals(exported)).toBe(true)
      if (canRunLlamaCpp) {
        const [answer] = await askLlamaCpp([{ path, ids: [[1, 2, 3]], greedy: 4 }])
        expect(answer!.logits.every(Number.isFinite)).toBe(true)
        expect(answer!.greedy.length).toBe(4)
      }

      const report = JSON.parse(readFileSync(join(workspace, 'tiny.report.json'), 'utf8'))
      const { summary, smallest, largest, rows } = await readReport(opened, 'tiny')
      expect(summary).toContain(String(Number(report.quality.kl.mean.toPrecision(4))))
      expect(smallest).toMatch(/^tiny: .* 2\.\d+ bits a weight, rtn$/)
      expect(largest).toMatch(/^wide: .* 8\.\d+ bits a weight, rtn$/)
      expect(rows.length).toBe(report.layers.length)

      const compared = await compareRun(opened, 'tiny')
      expect(compared[0]).toMatch(/^model\.layers\.\d\..*_proj\.weight/)
      expect(compared.length).toBeGreaterThan(10)
    })
  },
)

workbench(
  'an assistant compresses a model when the person agreed, and not before',
  { timeout: 6 * MINUTES },
  async () => {
    const opened = await open({})
    await journey('assistant', opened, async () => {
      const { question, refused } = await askAssistant(opened)
      expect(question).toMatch(/Compress .*demo-model into .*by-assistant\? About .* of memory, .* of disk/)
      expect(refused).toContain('was not allowed')
    })
  },
)

workbench(
  'models that mean harm are text, or refused with a reason, and the host goes on at once',
  { timeout: 10 * MINUTES },
  async () => {
    const opened = await open({})
    await journey('hostile', opened, async () => {
      const { names, refused, many, longestTaskMs } = await hostileModels(opened)
      expect(names).toContain('<img src=x onerror=alert(1)>')
      expect(many).toContain('100,000')
      for (const [name, reason] of Object.entries(refused)) expect(reason).toMatch(new RegExp(`/${name}: .{12,}`))
      console.log(
        `the host's longest task: ${longestTaskMs.toFixed(1)} ms of processor; refused: ${JSON.stringify(refused, null, 1)}`,
      )
      // Of the thread's own processor time, which others on the machine do not lengthen.
      expect(longestTaskMs).toBeLessThan(100)
    })
  },
)

const wrong = {
  'a.sinter.jsonc': '{ "version": 1, "model": "demo-model", "steps": [{ "method": "rtn", "bist": 4 }] }\n',
}

workbench.for([
  ['process', () => vsix],
  ['worker of the browser', () => webVsix],
] as const)(
  'in a folder that is not trusted recipes are checked, and nothing runs: the host is a %s',
  { timeout: 6 * MINUTES },
  async ([, packed]) => {
    const opened = await open({ askTrust: true, vsix: [packed()] }, wrong)
    const { page, workspace } = opened
    await journey('restricted', opened, async () => {
      await page.locator('.part.banner', { hasText: 'Restricted Mode' }).waitFor({ timeout: PATIENCE_MS })
      await openFile(page, 'a.sinter.jsonc')
      await page.locator('.codelens-decoration a', { hasText: 'Estimate' }).waitFor({ timeout: PATIENCE_MS })
      await page.locator('.squiggly-error').first().waitFor({ timeout: PATIENCE_MS })
      expect(await page.locator('.codelens-decoration a').allTextContents()).toEqual(['Plan', 'Estimate'])
      const rows = await paletteRows(page, 'Sinter: ')
      expect(rows).toContain('Sinter: Show Plan')
      for (const name of ['Run Recipe', 'Try It', 'Export…']) expect(rows).not.toContain(`Sinter: ${name}`)
      await screenshot(page, 'restricted')
      const form = await openForm(page, 'a.sinter.jsonc')
      await form.locator('.marks', { hasText: 'unknown key "bist"' }).waitFor({ timeout: PATIENCE_MS })
      const buttons = await form.getByRole('group', { name: 'Actions' }).getByRole('button').allTextContents()
      expect(buttons).toEqual(['Plan', 'Estimate', 'Edit as Text'])
      expect(existsSync(join(workspace, '.sinter'))).toBe(false)
    })
  },
)

workbench('another language reaches the manifest and the program', { timeout: 6 * MINUTES }, async () => {
  const opened = await open({ prepare: speakPseudo }, wrong, true)
  const { page } = opened
  await journey('pseudo-locale', opened, async () => {
    await openFile(page, 'a.sinter.jsonc')
    await page.locator('.codelens-decoration a', { hasText: pseudo('Plan') }).waitFor({ timeout: PATIENCE_MS })
    const rows = await paletteRows(page, 'Sinter: ')
    expect(rows).toContain(`Sinter: ${pseudo('Show Plan')}`)
    // Of the command that shows a view, the workbench's own words are in its language.
    expect(rows.filter(row => row.startsWith('Sinter: ') && !/^Sinter: (Focus on )?⟦.*⟧/.test(row))).toEqual([])
    await screenshot(page, 'pseudo-locale')
  })
})

workbench(
  'in a host that is a worker of the browser, a model opens and a recipe is repaired and planned',
  { timeout: 10 * MINUTES },
  async () => {
    const opened = await open({ vsix: [webVsix] })
    await journey('web-look', opened, async () => {
      const { message, plan } = await writeRecipe(opened)
      expect(message).toContain('unknown key "bist"; did you mean "bits"?')
      expect(plan).toMatch(/mlp\.down_proj +256×768 +compress +4-bit asymmetric, groups of 64/)
      const { names, details } = await inspectModel(opened)
      expect(names.join(' ')).toMatch(/model/)
      expect(details).toContain('llama')
    })
  },
)

workbench(
  'there RTN and GPTQ write the bytes that Node writes on the same WebAssembly',
  { timeout: 10 * MINUTES },
  async () => {
    const recipe = (method: string) =>
      JSON.stringify({
        version: 1,
        model: 'demo-model',
        steps: [{ method, bits: 4, groupSize: 64 }],
        calibration: { text: 'text.txt', samples: 4, length: 64 },
      })
    const methods = ['rtn', 'gptq']
    const opened = await open(
      { vsix: [webVsix] },
      {
        ...Object.fromEntries(methods.map(method => [`${method}.sinter.jsonc`, recipe(method)])),
        'text.txt': 'The cat sat on the mat and looked at the moon. '.repeat(100),
      },
    )
    const { workspace } = opened
    await journey('web-run', opened, async () => {
      for (const method of methods) {
        const weights = await runRecipe(opened, `${method}.sinter.jsonc`)
        const there = readFileSync(weights)
        // The next journey looks for the one result there is.
        rmSync(join(weights, '..'), { recursive: true })
        const other = join(workspace, 'in-node')
        compressOnWasm(join(workspace, `${method}.sinter.jsonc`), other)
        expect(there.equals(readFileSync(join(other, 'model.safetensors')))).toBe(true)
        rmSync(other, { recursive: true })
      }
    })
  },
)
