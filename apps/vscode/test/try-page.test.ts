import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { trySession } from '../src/host/try/try-session.ts'
import { demoModel, engineClient, sinter, workplace } from './engine-setup.ts'
import { makeEndless } from './helpers/endless-model.ts'
import { type ThemeName, themes } from './helpers/themes.ts'
import { bundlePage, hasChromium, launchBrowser, openWebview } from './helpers/viewer-page.ts'

const { path } = workplace()
const client = engineClient()
const compressed = path('<b>small</b>')

describe.skipIf(!hasChromium)('Try It in Chromium', () => {
  let [browser, script] = [undefined as unknown as Browser, '']
  const open = (result = compressed, theme: ThemeName = 'dark', original = demoModel) => {
    const models = {
      original: { path: original, name: 'demo-model' },
      compressed: { path: result, name: '<b>small</b>' },
    }
    return openWebview(browser, script, post => trySession(client, models, post, { threads: 1 }).receive, theme)
  }
  const prompt = 'The cat sat on the mat. '
  const ask = async (page: Page, tokens: number): Promise<void> => {
    await page.getByLabel('Prompt').fill(prompt)
    await page.getByLabel('New tokens').fill(String(tokens))
    await page.getByLabel('Prompt').press('Control+Enter')
  }
  const written = (page: Page, name: string) => page.getByRole('region', { name }).locator('.written')

  beforeAll(async () => {
    await sinter('compress', demoModel, '--method', 'rtn', '--bits', '2', '--out', compressed, '--no-report')
    script = await bundlePage('try')
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  for (const theme of Object.keys(themes) as ThemeName[])
    it(`writes what both models say, and where they part, ${theme}`, async () => {
      const { page, problems, requests, axe } = await open(compressed, theme)
      await ask(page, 24)
      await page.getByText('from there on they are marked').waitFor()
      const options = { prompt, tokens: 24 }
      const [before, after] = [
        (await client.request('generate', { path: demoModel, ...options })).text,
        (await client.request('generate', { path: compressed, ...options })).text,
      ]
      expect(before).not.toBe(after)
      expect(await written(page, 'Original: demo-model').textContent()).toBe(before)
      expect(await written(page, 'Compressed: <b>small</b>').textContent()).toBe(after)
      const [common, other] = [page.locator('.written span'), page.locator('mark')]
      expect(await common.first().textContent()).toBe(await common.last().textContent())
      expect((await other.first().textContent())![0]).not.toBe((await other.last().textContent())![0])
      expect(await page.getByText(/^\d+ tokens, [\d.]+ tokens\/s$/).count()).toBe(2)
      expect(await axe()).toEqual([])
      expect([problems, requests]).toEqual([[], []])
      await page.close()
    })

  it('says so when both write the same', async () => {
    const { page } = await open(demoModel)
    await ask(page, 8)
    await page.getByText('The texts are equal.').waitFor()
    expect(await page.locator('mark:visible').count()).toBe(0)
    await page.close()
  })

  it('stops in the middle by the keyboard, keeps what was written, and goes on', async () => {
    const endless = makeEndless(demoModel, path('endless'))
    const { page, sent } = await open(compressed, 'dark', endless)
    await page.getByLabel('Prompt').fill(prompt)
    await page.getByLabel('New tokens').fill('4096')
    await page.getByRole('button', { name: 'Continue' }).focus()
    await page.keyboard.press('Enter')
    await written(page, 'Original: demo-model').filter({ hasText: /\S/ }).waitFor()
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Stop')
    await page.keyboard.press('Enter')
    await page.getByText('Stopped.').waitFor()
    expect(sent.at(-1)).toEqual({ type: 'stop' })
    expect(await written(page, 'Original: demo-model').textContent()).toMatch(/\S/)
    expect(await written(page, 'Compressed: <b>small</b>').textContent()).toBe('')
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Continue')
    await ask(page, 2)
    await page
      .getByText(/^\d+ tokens/)
      .nth(1)
      .waitFor()
    await page.close()
  })

  it('finds prompt and texts again when it was hidden', async () => {
    const { page } = await open()
    await ask(page, 4)
    await page
      .getByText(/^\d+ tokens/)
      .nth(1)
      .waitFor()
    const before = await written(page, 'Compressed: <b>small</b>').textContent()
    await page.reload()
    await page
      .getByText(/^\d+ tokens/)
      .nth(1)
      .waitFor()
    expect(await page.getByLabel('Prompt').inputValue()).toBe(prompt)
    expect(await written(page, 'Compressed: <b>small</b>').textContent()).toBe(before)
    await page.close()
  })

  it('says why a model cannot write, for that model alone', async () => {
    const { page } = await open(path('nowhere'))
    await ask(page, 2)
    const failed = page.getByRole('region', { name: 'Compressed: <b>small</b>' }).getByRole('status')
    await failed.filter({ hasText: 'nowhere' }).waitFor()
    expect(await page.getByText(/^\d+ tokens/).count()).toBe(1)
    await page.close()
  })
})
