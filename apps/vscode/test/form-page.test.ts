import { recipeJsonSchema } from '@sinter/engine'
import { applyEdits, parse } from 'jsonc-parser'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type FormSession, formSession } from '../src/host/form/form-session.ts'
import { pathAt, readRecipe } from '../src/host/form/read-recipe.ts'
import { fieldsOf } from '../src/shared/form-fields.ts'
import type { FormMark } from '../src/shared/form-messages.ts'
import { demoModel, engineClient, workplace } from './engine-setup.ts'
import { type ThemeName, themes } from './helpers/themes.ts'
import { until } from './helpers/until.ts'
import { bundlePage, hasChromium, launchBrowser, openWebview, type ViewerPage } from './helpers/viewer-page.ts'

const { path } = workplace()
const client = engineClient()
const place = path('a.sinter.jsonc')

const recipe = (steps: string, more = ''): string => `{
  // what it is for
  "version": 1,
  "model": ${JSON.stringify(demoModel)},
  "steps": [${steps}]${more}
}
`

interface Recipe {
  readonly steps: readonly Readonly<Record<string, unknown>>[]
  readonly calibration?: unknown
}

/** The workbench's part: a text, what the engine says of it, and buttons that were pressed. */
interface Opened extends ViewerPage {
  text(): string
  value(): Recipe
  /** As if typed into the editor of the text. */
  type(text: string): Promise<void>
  /** The same, before the page has heard of it. */
  typeUnseen(text: string): void
  readonly done: string[]
}

describe.skipIf(!hasChromium)('a recipe as a form in Chromium', () => {
  let [browser, script] = [undefined as unknown as Browser, '']
  beforeAll(async () => {
    script = await bundlePage('form')
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  async function open(
    first: string,
    { theme = 'dark', canRun = true }: { theme?: ThemeName; canRun?: boolean } = {},
  ): Promise<Opened> {
    let [text, version, marks] = [first, 1, [] as FormMark[]]
    const done: string[] = []
    let session: FormSession | undefined
    const check = async (): Promise<void> => {
      const now = version
      const { diagnostics } = await client.request('recipeCheck', { text, path: place })
      const { tree } = readRecipe(text)
      if (now !== version || !tree) return
      marks = diagnostics.map(({ offset, severity, message }) => ({ path: pathAt(tree, offset), severity, message }))
      session?.update()
    }
    const typeUnseen = (next: string): void => {
      text = next
      version++
    }
    const become = async (next: string): Promise<void> => {
      typeUnseen(next)
      session?.update()
      await check()
    }
    await check()
    const view = await openWebview(
      browser,
      script,
      post => {
        session = formSession(
          {
            schema: async () => (await client.request('schema', { kind: 'compress' })).schema,
            text: () => text,
            version: () => version,
            marks: () => marks,
            canRun: () => canRun,
            apply: async edits => void become(applyEdits(text, [...edits])),
            act: action => done.push(action),
            showText: at => done.push(`text ${JSON.stringify(at)}`),
          },
          post,
        )
        return session.receive
      },
      theme,
    )
    await view.page.getByRole('heading', { name: 'Recipe', exact: true }).waitFor()
    return { ...view, text: () => text, value: () => parse(text) as Recipe, type: become, typeUnseen, done }
  }
  const card = (page: Page, at: number): Locator => page.getByRole('listitem', { name: new RegExp(`^${at}\\. `) })
  const focused = (page: Page): Promise<string | null | undefined> =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent)

  for (const theme of Object.keys(themes) as ThemeName[])
    it(`draws what the schema has, with what the recipe says and what is wrong with it, ${theme}`, async () => {
      const more = ', "calibration": { "text": "text.txt" }, "seed": "one", "output": { "format": "hf" }'
      const text = recipe('{ "method": "gptq", "bits": 4, "bist": [1, { "a": 2 }] }, { "method": "none" }', more)
      const { page, problems, requests, axe } = await open(text, { theme })
      const first = card(page, 1)
      expect(await first.getByLabel('bits', { exact: true }).inputValue()).toBe('4')
      expect(await first.getByLabel('groupSize').getAttribute('placeholder')).toBe('64')
      expect(await first.getByLabel('symmetric', { exact: true }).locator('option').allTextContents()).toEqual([
        'not set (true)',
        'true',
        'false',
      ])
      expect(await page.getByLabel('text', { exact: true }).first().inputValue()).toBe('text.txt')
      // Nothing has a control for these: they are shown as they are.
      expect(await first.locator('pre').filter({ visible: true }).textContent()).toContain('"a": 2')
      expect(await page.getByRole('button', { name: 'Edit as Text: seed' }).count()).toBe(1)
      expect(await page.locator('.cards > li').count()).toBe(2)
      await first.locator('.marks', { hasText: 'unknown key "bist"' }).waitFor()
      expect(await axe()).toEqual([])
      expect([problems, requests]).toEqual([[], []])
      await page.close()
    })

  it('has every option of every method, named by the schema alone', async () => {
    const { page } = await open(recipe('{ "method": "rtn" }'))
    const steps = fieldsOf(recipeJsonSchema()).find(({ name }) => name === 'steps')!.field
    if (steps.kind !== 'variants') throw new Error('steps are of several kinds')
    for (const { value, description, fields } of steps.variants) {
      await card(page, 1).getByLabel(steps.key).selectOption(value)
      await page.getByRole('heading', { name: `1. ${value}`, exact: true }).waitFor()
      const names = await card(page, 1).locator('.group .name').allTextContents()
      expect(names).toEqual(fields.map(({ name }) => name))
      expect(await card(page, 1).getByText(description, { exact: true }).count()).toBe(1)
    }
    await page.close()
  })

  it('writes what is chosen into the text, and takes out what is unset', async () => {
    const { page, text, value, axe } = await open(recipe('{ "method": "gptq", "bits": 4 } /* quick */'))
    const first = card(page, 1)
    await first.getByLabel('bits', { exact: true }).fill('3')
    await first.getByLabel('symmetric', { exact: true }).selectOption('false')
    await until(() => value().steps[0]!.symmetric === false)
    await first.getByLabel('Add', { exact: true }).or(first.getByLabel('targets, new entry')).fill('mlp.*')
    await page.keyboard.press('Enter')
    await first.getByLabel('targets, entry 1').waitFor()
    await page.keyboard.type('!mlp.up_proj')
    await page.keyboard.press('Enter')
    await first.getByLabel('targets, entry 2').waitFor()
    await page.getByRole('region', { name: 'calibration' }).getByLabel('samples').fill('16')
    await page.keyboard.press('Tab')
    await until(() => value().calibration !== undefined)
    expect(value()).toMatchObject({
      steps: [{ method: 'gptq', bits: 3, symmetric: false, targets: ['mlp.*', '!mlp.up_proj'] }],
      calibration: { samples: 16 },
    })
    expect(text()).toContain('// what it is for')
    expect(text()).toContain('/* quick */')
    await first.getByLabel('symmetric', { exact: true }).selectOption('')
    await first.getByLabel('targets, entry 1').fill('')
    await page.keyboard.press('Tab')
    await until(() => (value().steps[0]!.targets as string[]).length === 1)
    expect(value().steps).toEqual([{ method: 'gptq', bits: 3, targets: ['!mlp.up_proj'] }])
    expect(await axe()).toEqual([])
    await page.close()
  })

  it('writes what stands in a field before a shortcut that may save', async () => {
    const { page, value } = await open(recipe('{ "method": "rtn", "bits": 4 }'))
    await card(page, 1).getByLabel('bits', { exact: true }).fill('3')
    expect(value().steps[0]!.bits).toBe(4)
    await page.keyboard.down('Control')
    await until(() => value().steps[0]!.bits === 3)
    await page.keyboard.up('Control')
    await page.close()
  })

  it('writes no number that cannot be meant, and says why', async () => {
    const { page, text, sent } = await open(recipe('{ "method": "gptq", "bits": 4 }'))
    const before = text()
    await card(page, 1).getByLabel('bits', { exact: true }).fill('99')
    await page.keyboard.press('Tab')
    await card(page, 1).locator('.marks li', { hasText: '8' }).waitFor()
    expect(text()).toBe(before)
    expect(sent.length).toBe(1)
    await page.getByLabel('seed').fill('7')
    await page.keyboard.press('Tab')
    await until(() => text().includes('"seed": 7'))
    expect(await card(page, 1).locator('.marks li', { hasText: '8' }).count()).toBe(1)
    await card(page, 1).getByLabel('bits', { exact: true }).fill('8')
    await page.keyboard.press('Tab')
    await until(() => text().includes('"bits": 8'))
    await card(page, 1).locator('.marks li').waitFor({ state: 'detached' })
    await page.close()
  })

  it('adds, moves and removes steps by the keyboard alone', async () => {
    const { page, value } = await open(recipe('{ "method": "wanda", "sparsity": 0.3 }'))
    const methods = () => value().steps?.map(({ method }) => method)
    await page.getByLabel('Kind to add').focus()
    await page.keyboard.type('gptq')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Add')
    await page.keyboard.press('Enter')
    await until(() => methods().join() === 'wanda,gptq')
    await card(page, 2).waitFor()
    await page.getByText('gptq is added.').waitFor()
    expect(await page.evaluate(() => document.activeElement?.closest('li')?.querySelector('h3')?.textContent)).toBe(
      '2. gptq',
    )
    await page.getByRole('button', { name: 'Move steps[1] up' }).press('Enter')
    await until(() => methods().join() === 'gptq,wanda')
    // It is the first now and can only go down.
    await page.getByRole('heading', { name: '1. gptq' }).waitFor()
    expect(await focused(page)).toBe('Move steps[0] down')
    await page.keyboard.press('Tab')
    expect(await focused(page)).toBe('Remove steps[0]')
    await page.keyboard.press('Enter')
    await until(() => methods().join() === 'wanda')
    expect(value().steps).toEqual([{ method: 'wanda', sparsity: 0.3 }])
    await page.getByRole('heading', { name: '1. wanda' }).waitFor()
    expect(await focused(page)).toBe('Remove steps[0]')
    await page.close()
  })

  it('follows the text, keeps what is being written, and leaves late changes undone', async () => {
    const { page, type, typeUnseen, text } = await open(recipe('{ "method": "gptq", "bits": 4 }'))
    const bits = card(page, 1).getByLabel('bits', { exact: true })
    await card(page, 1).getByLabel('groupSize').fill('32')
    await type(text().replace('"bits": 4', '"bits": 3'))
    await until(async () => (await bits.inputValue()) === '3')
    expect(await card(page, 1).getByLabel('groupSize').inputValue()).toBe('32')
    await page.keyboard.press('Tab')
    await until(() => text().includes('"groupSize": 32'))
    typeUnseen(text().replace('"groupSize": 32', '"groupSize": 16'))
    await page.getByLabel('seed').fill('7')
    await page.keyboard.press('Tab')
    await page.getByText('The text had changed meanwhile').waitFor()
    expect(text()).not.toContain('seed')
    expect(await page.getByLabel('seed').inputValue()).toBe('')
    expect(await card(page, 1).getByLabel('groupSize').inputValue()).toBe('16')
    await page.close()
  })

  it('says where a text is no recipe, and is there again when it is one', async () => {
    const { page, type, text, done, axe } = await open(recipe('{ "method": "gptq", "bits": 4 }'))
    const whole = text()
    await type(whole.replace('"bits": 4', '"bits": '))
    await page.getByRole('alert').filter({ hasText: 'in line 5, column' }).waitFor()
    expect(await page.getByLabel('bits', { exact: true }).count()).toBe(1)
    expect(await page.getByLabel('bits', { exact: true }).isVisible()).toBe(false)
    expect(await axe()).toEqual([])
    await page.getByRole('button', { name: 'Edit as Text', exact: true }).first().press('Enter')
    await until(() => done.length > 0)
    expect(done).toEqual(['text []'])
    await type(whole)
    await page.getByLabel('bits', { exact: true }).waitFor()
    expect(await page.getByRole('alert').filter({ visible: true }).count()).toBe(0)
    await page.close()
  })

  it('plans and estimates, and runs only where something runs', async () => {
    const free = await open(recipe('{ "method": "rtn" }'))
    for (const name of ['Plan', 'Run', 'Estimate']) await free.page.getByRole('button', { name, exact: true }).click()
    await until(() => free.done.length === 3)
    expect(free.done).toEqual(['plan', 'run', 'estimate'])
    await free.page.close()
    const restricted = await open(recipe('{ "method": "rtn" }'), { canRun: false })
    await restricted.page.getByRole('button', { name: 'Plan', exact: true }).waitFor()
    expect(await restricted.page.getByRole('button', { name: 'Run', exact: true }).count()).toBe(0)
    await restricted.page.close()
  })

  it('shows a large hostile recipe without drawing all of it, or letting it speak', async () => {
    const steps = Array.from({ length: 5000 }, () => '{ "method": "<b>x</b>" }').join(',')
    const { page, problems } = await open(recipe(steps, ', "\\u202eevil<img>": "<script>alert(1)</script>"'))
    await page.getByText('4900 more are only in the text.').waitFor()
    expect(await page.locator('.cards > li').count()).toBe(100)
    expect(await page.locator('main img, main script, main b').count()).toBe(0)
    expect(await page.locator('.name', { hasText: '⟨U+202E⟩evil<img>' }).count()).toBe(1)
    expect(problems).toEqual([])
    await page.close()
  })
})
