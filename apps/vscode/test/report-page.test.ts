import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ReportSource, reportSession } from '../src/host/report/report-session.ts'
import type { ReportFacts, RunPoint, ToReport } from '../src/shared/report-messages.ts'
import { type ThemeName, themes } from './helpers/themes.ts'
import { bundlePage, hasChromium, launchBrowser, openWebview } from './helpers/viewer-page.ts'

const hostile = '<img src=x onerror=alert(1)>'

const report: ReportFacts = {
  title: 'demo-model',
  facts: [
    { name: 'family', value: 'llama' },
    { name: 'output', value: `/w/${hostile}` },
  ],
  size: {
    before: [{ name: 'untouched', bytes: 6_000_000 }],
    after: [
      { name: 'values', bytes: 1_000_000 },
      { name: 'scales', bytes: 500_000 },
    ],
  },
  quality: {
    protocol: 'windows of 128 tokens',
    basePerplexity: { value: 2.5, se: 0.1 },
    perplexity: { value: 2.75, se: 0.1 },
    kl: { value: 0.03, se: 0.002 },
    spread: [{ name: 'p99', value: 0.4 }],
    agreement: { value: 0.953 },
  },
  layers: [
    { name: `layers.0.${hostile}`, method: 'gptq', bits: 4.5, error: 0.02, zeros: 0, notes: '' },
    { name: 'layers.1.up_proj', method: 'gptq', bits: 4.5, error: 0.01, zeros: 0, notes: 'more damping' },
  ],
  plan: [{ tensor: 'w', action: 'compress', scheme: '4-bit', reason: '' }],
  notes: [{ layer: 'layers.1', message: 'more damping was needed' }],
  generations: [{ prompt: 'The', base: ' cat\nsat', model: ` ${hostile}` }],
  timings: [{ name: 'compress', seconds: 1.5 }],
  machine: [{ name: 'threads', value: '2' }],
  recipe: '{\n  "version": 1\n}',
}

const point = (id: string, outputBytes: number, kl: number | null, more: Partial<RunPoint> = {}): RunPoint => ({
  id,
  name: id,
  methods: 'gptq',
  outputBytes,
  bitsPerWeight: 4.5,
  kl,
  perplexity: 2.75,
  here: false,
  ...more,
})
const points = [
  point('two-bits', 1_000_000, 0.4),
  point('four-bits', 1_500_000, 0.03, { here: true }),
  point('eight-bits', 3_000_000, 0.0005, { methods: 'rtn' }),
  point('unmeasured', 1_200_000, null),
]

const request = async (): Promise<never> => report as never

describe.skipIf(!hasChromium)('a report in Chromium', () => {
  let [browser, script] = [undefined as unknown as Browser, '']
  beforeAll(async () => {
    script = await bundlePage('report')
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())

  const opened: string[] = []
  const open = async (shown: readonly RunPoint[] = points, theme: ThemeName = 'dark') => {
    opened.length = 0
    const current = { points: shown }
    let session: ReturnType<typeof reportSession> | undefined
    const source: ReportSource = { path: '/w/report.json', points: () => current.points }
    const connect = (post: (message: ToReport) => void) => {
      session = reportSession({ request }, source, post, { onOpen: run => opened.push(run) })
      return session.receive
    }
    const shownPage = await openWebview(browser, script, connect, theme)
    await shownPage.page.getByRole('heading', { level: 1 }).waitFor()
    return { ...shownPage, current, update: () => session!.update() }
  }

  for (const theme of Object.keys(themes) as ThemeName[])
    it(`shows all that the report says, ${theme}`, async () => {
      const { page, problems, requests, axe } = await open(points, theme)
      for (const summary of await page.locator('summary').all()) await summary.click()
      const text = (await page.locator('main').textContent())!
      for (const part of [
        '1.50 MB, 4.00 times smaller than 6.00 MB',
        '2.75 ± 0.1, original 2.5 ± 0.1',
        '0.03 ± 0.002',
        '95.3 %',
      ])
        expect(text).toContain(part)
      const table = (name: string) => page.getByRole('table', { name })
      expect(await table('Layers').getByRole('rowheader').allTextContents()).toEqual([
        `layers.0.${hostile}`,
        'layers.1.up_proj',
      ])
      expect(await table('Layers').getByRole('columnheader').count()).toBe(6)
      expect(await table('The same prompt').getByRole('cell').allTextContents()).toEqual([' cat\nsat', ` ${hostile}`])
      expect(await table('Where the bytes go').getByRole('row').count()).toBe(4)
      expect(await page.locator('main img').count()).toBe(0)
      expect(await axe()).toEqual([])
      expect([problems, requests]).toEqual([[], []])
      await page.close()
    })

  it('goes from run to run with the keys, says which it is, and opens its report', async () => {
    const { page, problems } = await open()
    const chart = page.getByRole('listbox', { name: 'Size and divergence of 3 runs' })
    const said = page.locator('output')
    expect(await said.textContent()).toBe('four-bits: 1.50 MB, divergence 0.03, 4.5 bits a weight, gptq')
    await tabTo(page, 'svg')
    await page.keyboard.press('Enter')
    expect(opened).toEqual([])
    await page.keyboard.press('ArrowRight')
    expect(await said.textContent()).toBe('eight-bits: 3.00 MB, divergence 5.000e-4, 4.5 bits a weight, rtn')
    expect(await chart.getByRole('option', { selected: true }).getAttribute('aria-label')).toMatch(/^eight-bits/)
    await page.keyboard.press('Home')
    expect(await said.textContent()).toMatch(/^two-bits/)
    await page.keyboard.press('Enter')
    await expect.poll(() => opened, { timeout: 30_000 }).toEqual(['two-bits'])
    expect(problems).toEqual([])
    await page.close()
  })

  it('places a smaller run further left, and a truer one lower', async () => {
    const { page } = await open()
    const boxOf = async (name: string) =>
      (await page.getByRole('option', { name: new RegExp(`^${name}`) }).boundingBox())!
    const [two, four, eight] = [await boxOf('two-bits'), await boxOf('four-bits'), await boxOf('eight-bits')]
    expect(two.x < four.x && four.x < eight.x).toBe(true)
    expect(two.y < four.y && four.y < eight.y).toBe(true)
    await page.getByRole('option', { name: /^two-bits/ }).click()
    expect(await page.locator('output').textContent()).toMatch(/^two-bits/)
    await page.close()
  })

  it('lays bits across where sizes are all the same, or when asked', async () => {
    const same = [point('eight', 6e6, 0.001, { bitsPerWeight: 8 }), point('two', 6e6, 0.4, { bitsPerWeight: 2 })]
    const { page } = await open(same)
    expect(await page.getByLabel('Across').inputValue()).toBe('bits')
    expect(await page.locator('svg [role=option]').first().getAttribute('aria-label')).toMatch(/^two/)
    await page.close()
    const other = await open()
    expect(await other.page.getByLabel('Across').inputValue()).toBe('bytes')
    await other.page.getByLabel('Across').selectOption('Bits a weight')
    expect(await other.page.locator('.axes').textContent()).not.toContain('MB')
    await other.page.close()
  })

  it('has the runs as a table too, with those that were not measured', async () => {
    const { page, current, update } = await open()
    const table = page.getByRole('table', { name: 'All runs of this model' })
    const rows = await table.getByRole('row').allTextContents()
    expect(rows.find(row => row.startsWith('unmeasured'))).toContain('–')
    await table.getByRole('button', { name: 'Open the report of eight-bits' }).click()
    await expect.poll(() => opened, { timeout: 30_000 }).toEqual(['eight-bits'])
    current.points = [...points, point('<b>new</b>', 2_000_000, 0.01)]
    update()
    await table.getByRole('rowheader', { name: '<b>new</b>' }).waitFor()
    expect(await page.locator('svg [role=option]').count()).toBe(4)
    await page.close()
  })

  it('says what it lacks', async () => {
    const none = await open([point('unmeasured', 1_200_000, null, { here: true })])
    await none.page.getByText('No run of this model has a measured divergence').waitFor()
    expect(await none.page.getByRole('listbox').count()).toBe(0)
    await none.page.close()
    const alone = await open([])
    expect(await alone.page.getByRole('heading', { name: 'All runs of this model' }).isVisible()).toBe(false)
    await alone.page.close()
  })
})

describe('the host’s side of a report', () => {
  it('opens only runs that the page was given, and takes no other message', async () => {
    const opened: string[] = []
    const session = reportSession({ request }, { path: 'p', points: () => points }, () => {}, {
      onOpen: run => opened.push(run),
    })
    for (const message of [null, 7, { type: 'open' }, { type: 'open', run: '../x' }, { type: 'open', run: 1 }])
      await session.receive(message)
    expect(opened).toEqual([])
    await session.receive({ type: 'open', run: 'two-bits' })
    expect(opened).toEqual(['two-bits'])
  })

  it('says why a report cannot be read', async () => {
    const posted: ToReport[] = []
    const failing = async (): Promise<never> => {
      throw new Error('no report')
    }
    const session = reportSession({ request: failing }, { path: 'p', points: () => [] }, m => posted.push(m), {
      onOpen() {},
    })
    await session.receive({ type: 'ready', protocol: 1 })
    expect(posted).toEqual([{ type: 'refused', message: 'no report' }])
  })
})

async function tabTo(page: Page, tag: string): Promise<void> {
  for (let i = 0; i < 20; i++) {
    await page.keyboard.press('Tab')
    if ((await page.evaluate(() => document.activeElement?.tagName)) === tag) return
  }
  throw new Error(`no ${tag} is reached by the keyboard`)
}
