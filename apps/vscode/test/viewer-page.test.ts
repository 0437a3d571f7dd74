import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createModelReader } from '../src/engine/model-reader.ts'
import type { Shown } from '../src/host/viewer/session.ts'
import { hostileNames, writeHollow } from './helpers/model-files.ts'
import { type ThemeName, themes } from './helpers/themes.ts'
import { bundleViewer, hasChromium, launchBrowser, openViewer, type ViewerPage } from './helpers/viewer-page.ts'

const demo = fileURLToPath(new URL('../../cli/assets/demo-model/model.safetensors', import.meta.url))

describe.skipIf(!hasChromium)('the model viewer in Chromium', () => {
  let [browser, script, folder] = [undefined as unknown as Browser, '', '']
  const reader = createModelReader()
  const shownModel = (path: string): Shown => ({ kind: 'model', path, header: () => reader.open(path) })
  const compared = (before: string, after: string): Shown => ({
    kind: 'comparison',
    before,
    after,
    names: { before: 'a', after: 'b' },
    comparison: () => reader.compare(before, after),
  })
  const view = (path: string, theme: ThemeName = 'dark'): Promise<ViewerPage> =>
    openViewer(browser, script, { shown: shownModel(path), reader, theme })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sinter-viewer-'))
    script = await bundleViewer()
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await reader.dispose()
    await rm(folder, { recursive: true, force: true })
  })

  it('shows the demo model: tree, summary, and the values of a chosen tensor', async () => {
    const { page, problems, requests } = await view(demo)
    const tree = page.getByRole('tree')
    await tree.getByRole('treeitem', { name: /^layers 36 tensors/i }).click()
    await tree.getByRole('treeitem', { name: /^2 9 tensors/i }).click()
    await tree.getByRole('treeitem', { name: /^mlp 3 tensors/i }).click()
    const summary = page.getByRole('region', { name: 'Model' })
    await expectText(summary, ['llama', 'BF16', '38'])
    await tree.getByRole('treeitem', { name: /^down_proj\.weight BF16 256 × 768 393 kB 16 bits/i }).click()
    const details = page.getByRole('region', { name: 'Tensor' })
    await details.getByRole('heading', { name: 'Histogram' }).waitFor()
    const stats = await reader.stats(demo, 'model.layers.2.mlp.down_proj.weight')
    await expectText(details, [
      'model.layers.2.mlp.down_proj.weight',
      Number(stats.total.std!.toPrecision(4)).toString(),
    ])
    expect(await details.getByRole('img', { name: /^Histogram of 196,608 values/ }).count()).toBe(1)
    expect(await inked(page, '.chart')).toEqual([true, true, true, true])
    await details.getByRole('button', { name: 'Show' }).click()
    await details.getByRole('img', { name: /^Groups of one row: .* 24 parts/ }).waitFor()
    expect(problems).toEqual([])
    expect(requests).toEqual([])
    await page.close()
  })

  it('holds 100,000 tensors with a screenful of elements, from the first to the last', async () => {
    const path = join(folder, 'many.safetensors')
    await writeHollow(
      path,
      Array.from({ length: 100_000 }, (_, i) => ({ name: `t.w${i}`, shape: [1] })),
    )
    const { page, problems } = await view(path)
    const status = page.locator('.status')
    await expect.poll(() => status.textContent(), { timeout: 30_000 }).toBe('100,000 of 100,000 tensors')
    const tree = page.getByRole('tree')
    await tree.focus()
    await page.keyboard.press('End')
    await expect.poll(() => activeLabel(page)).toMatch(/^w99999$/)
    const seen: number[] = []
    for (const at of [0, 0.2, 0.5, 0.7, 1]) {
      await tree.evaluate((tree, at) => tree.scrollTo(0, at * tree.scrollHeight), at)
      await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))
      seen.push(await page.evaluate(() => document.querySelectorAll('[role=treeitem]:not([hidden])').length))
      const shown = await page.evaluate(() => {
        const tree = document.querySelector('.tree')!.getBoundingClientRect()
        return document.elementFromPoint(tree.left + 60, tree.top + tree.height / 2)?.closest('[role=treeitem]')
          ?.textContent
      })
      expect(shown).toMatch(/^w\d+/)
    }
    expect(Math.max(...seen)).toBeLessThan(80)
    await page.getByRole('searchbox').fill('w77777')
    await expect.poll(() => status.textContent()).toBe('1 of 100,000 tensors')
    expect(problems).toEqual([])
    await page.close()
  }, 120_000)

  it('shows hostile names as text and runs nothing', async () => {
    const path = join(folder, 'hostile.safetensors')
    await writeHollow(
      path,
      hostileNames.map(name => ({ name, shape: [2] })),
    )
    const { page, problems, requests } = await view(path)
    page.on('dialog', () => problems.push('a dialog'))
    await page.getByRole('searchbox').fill('weight')
    await page.getByText('6 of 11 tensors').waitFor()
    const rows = await page.locator('.row:not([hidden]) .label').allTextContents()
    expect(rows).toContain('<img src=x onerror=alert(1)>.weight')
    expect(rows).toContain('"><script>alert(1)</script>.weight')
    expect(rows).toContain('model.⟨U+202E⟩thgiew.layers.weight')
    expect(rows).toContain('__proto__.constructor.weight')
    await page.getByRole('searchbox').fill('xxx')
    await page.getByText('1 of 11 tensors').waitFor()
    await page.getByRole('treeitem', { name: /^long\.x{295}… \(20005\)/ }).click()
    await page.getByRole('region', { name: 'Tensor' }).getByRole('heading', { name: 'Statistics' }).waitFor()
    expect(await page.evaluate(() => document.querySelectorAll('main img, main script').length)).toBe(0)
    expect(problems).toEqual([])
    expect(requests).toEqual([])
    await page.close()
  })

  it('finds its filter and its tensor again after its tab was hidden', async () => {
    const { page, problems } = await view(demo)
    await page.getByRole('searchbox').fill('k_proj')
    await page.getByText('4 of 38 tensors').waitFor()
    await page
      .getByRole('treeitem', { name: /k_proj.*BF16/ })
      .nth(2)
      .click()
    await page.getByText('Statistics of model.layers.2.self_attn.k_proj.weight are there.').waitFor()
    await page.reload()
    await page.getByText('Statistics of model.layers.2.self_attn.k_proj.weight are there.').waitFor()
    expect(await page.getByRole('searchbox').inputValue()).toBe('k_proj')
    expect(await page.locator('[aria-selected=true] .label').textContent()).toMatch(/weight$/)
    expect(problems).toEqual([])
    await page.close()
  })

  it('follows the other side of a diff without answering back', async () => {
    const { page, sent, problems } = await view(demo)
    await page.getByText('38 of 38 tensors').waitFor()
    const choose = (tensor: string) =>
      page.evaluate(tensor => window.postMessage({ type: 'choose', tensor }, '*'), tensor)
    await choose('model.layers.3.mlp.up_proj.weight')
    await page.getByText('Statistics of model.layers.3.mlp.up_proj.weight are there.').waitFor()
    await choose('of another model')
    expect(sent).not.toContainEqual(expect.objectContaining({ type: 'chose' }))
    await page.getByRole('treeitem', { name: /^norm\.weight/ }).click()
    await page.getByText('Statistics of model.norm.weight are there.').waitFor()
    expect(sent).toContainEqual({ type: 'chose', tensor: 'model.norm.weight' })
    expect(problems).toEqual([])
    await page.close()
  })

  it('reads a large tensor only when it is asked to, and stops', async () => {
    const path = join(folder, 'large.safetensors')
    await writeHollow(path, [{ name: 'w', shape: [4096, 2 ** 16] }])
    const { page, sent } = await view(path)
    await page.getByRole('treeitem', { name: /^w / }).click()
    expect(sent).not.toContainEqual(expect.objectContaining({ call: 'stats' }))
    await page.getByRole('button', { name: 'Read 1.07 GB and compute statistics' }).click()
    await page.getByRole('progressbar').waitFor()
    await page.getByRole('button', { name: 'Cancel' }).click()
    await page.getByText('Cancelled.').waitFor()
    expect(sent.at(-1)).toMatchObject({ type: 'cancel' })
    await page.getByRole('button', { name: /^Read/ }).waitFor()
    await page.close()
  })

  it('says why a file is refused', async () => {
    const path = join(folder, 'cut.safetensors')
    await writeHollow(path, [])
    const { open } = await import('node:fs/promises')
    const file = await open(path, 'r+')
    await file.write(Buffer.from([255, 255, 255, 255]), 0, 4, 0)
    await file.close()
    const { page } = await view(path)
    expect(await page.getByRole('alert').textContent()).toMatch(/cut\.safetensors.*header/)
    await page.close()
  })

  for (const theme of Object.keys(themes) as ThemeName[])
    it(`has no serious finding of axe, ${theme}`, async () => {
      const { page, problems, axe } = await view(demo, theme)
      await page.getByRole('treeitem', { name: /^layers/ }).click()
      await page.getByRole('searchbox').fill('norm')
      await page.getByText('9 of 38 tensors').waitFor()
      await page
        .getByRole('treeitem', { name: /norm\.weight BF16/ })
        .first()
        .click()
      const details = page.getByRole('region', { name: 'Tensor' })
      await details.getByRole('heading', { name: 'Histogram' }).waitFor()
      for (const summary of await page.locator('summary').all()) await summary.click()
      expect(await axe()).toEqual([])
      expect(problems).toEqual([])
      await page.close()
    })

  it('can be used with the keyboard alone', async () => {
    const { page, problems } = await view(demo)
    await page.getByText('38 of 38 tensors').waitFor()
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('type'))).toBe('search')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('tree')
    // Type-ahead to the folder of the blocks, in, to the last one, and up again.
    await page.keyboard.type('lay')
    expect(await activeLabel(page)).toMatch(/^layers/)
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await activeLabel(page)).toMatch(/^0$/)
    await page.keyboard.press('ArrowLeft')
    expect(await activeLabel(page)).toMatch(/^layers/)
    await page.keyboard.press('Home')
    expect(await activeLabel(page)).toMatch(/^model$/)
    await page.keyboard.press('End')
    expect(await activeLabel(page)).toBe('norm.weight')
    await page.keyboard.press('Enter')
    await page.getByText('Statistics of model.norm.weight are there.').waitFor()
    // On to the map, and in it.
    for (let i = 0; i < 12 && !(await page.evaluate(() => document.activeElement?.matches('.map-frame'))); i++)
      await page.keyboard.press('Tab')
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    expect(await page.locator('output').textContent()).toMatch(/^rows 0–0, columns 2–3: /)
    expect(problems).toEqual([])
    await page.close()
  })

  for (const theme of Object.keys(themes) as ThemeName[])
    it(`compares two models tensor by tensor, ${theme}`, async () => {
      const { page, problems, axe } = await openViewer(browser, script, { shown: compared(demo, demo), reader, theme })
      await page.getByRole('button', { name: /^Measure/ }).click()
      await page.getByText('38 of 38 tensors measured').waitFor()
      expect(await page.getByRole('cell', { name: 'equal' }).count()).toBeGreaterThan(20)
      expect(await axe()).toEqual([])
      expect(problems).toEqual([])
      await page.close()
    })

  it('compares hostile names as text, and says which are in one model only', async () => {
    const [a, b] = [join(folder, 'hostile-a.safetensors'), join(folder, 'hostile-b.safetensors')]
    const tensors = hostileNames.map(name => ({ name, shape: [2] }))
    await writeHollow(a, tensors)
    await writeHollow(b, [{ name: '<b>new</b>', shape: [1] }, { ...tensors[0]!, shape: [3] }, ...tensors.slice(2)])
    const { page, problems, requests } = await openViewer(browser, script, { shown: compared(a, b), reader })
    await page.getByRole('button', { name: /^Measure/ }).click()
    await page.getByText('10 of 10 tensors measured').waitFor()
    expect(await page.getByRole('cell', { name: '<img src=x onerror=alert(1)>.weight' }).count()).toBe(1)
    expect(await page.getByRole('cell', { name: 'shapes differ' }).count()).toBe(1)
    for (const summary of await page.locator('summary').all()) await summary.click()
    expect(await page.locator('li').allTextContents()).toEqual(['"><script>alert(1)</script>.weight', '<b>new</b>'])
    expect(await page.evaluate(() => document.querySelectorAll('main img, main script, main b').length)).toBe(0)
    expect([problems, requests]).toEqual([[], []])
    await page.close()
  })
})

const activeLabel = (page: Page): Promise<string | null | undefined> =>
  page.evaluate(() => {
    const id = document.querySelector('[role=tree]')!.getAttribute('aria-activedescendant')
    return id === null ? null : document.getElementById(id)?.querySelector('.label')?.textContent
  })

async function expectText(within: ReturnType<Page['locator']>, texts: readonly string[]): Promise<void> {
  const found = await within.textContent()
  for (const text of texts) expect(found).toContain(text)
}

/** Whether canvases have more than one colour. */
const inked = (page: Page, selector: string): Promise<boolean[]> =>
  page.evaluate(async selector => {
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
    return [...document.querySelectorAll<HTMLCanvasElement>(selector)].map(canvas => {
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height)
      return new Set(new Uint32Array(data.buffer)).size > 1
    })
  }, selector)
