import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { viewerContribution } from '../src/host/viewer/contribution.ts'
import { viewerPage } from '../src/host/viewer/page.ts'
import { type Shown, viewSession } from '../src/host/viewer/session.ts'
import type { ModelHeader, ModelReader, TensorRow } from '../src/shared/model-reader.ts'
import { byteText, countText, valueText } from '../src/shared/units.ts'
import { readFromView, type ToView, VIEWER_PROTOCOL } from '../src/shared/viewer-messages.ts'
import { translator } from '../src/shared/viewer-strings.ts'
import { visibleText } from '../src/shared/visible-text.ts'
import { tensorTree } from '../src/webviews/model/tree-model.ts'

const row = (name: string, values = 1): TensorRow => ({
  name,
  shape: [values],
  encoding: 'F32',
  values,
  bytes: 4 * values,
})
const labels = (tree: ReturnType<typeof tensorTree>): string[] =>
  tree.visible().map(node => `${'  '.repeat(node.level - 1)}${node.label}`)

describe('the tree', () => {
  const tree = tensorTree()
  tree.add(['m.l.10.a', 'm.l.10.b', 'm.l.2.a', 'm.l.2.b', 'm.norm.weight'].map((name, i) => row(name, i + 1)))

  it('opens lone folders, joins folders of one tensor with it, and leaves others closed', () => {
    expect(labels(tree)).toEqual(['m', '  l', '  norm.weight'])
  })

  it('orders blocks by their numbers and knows where a row stands among its siblings', () => {
    tree.toggle(tree.visible()[1]!, true)
    expect(labels(tree)).toEqual(['m', '  l', '    2', '    10', '  norm.weight'])
    expect(tree.visible().map(({ position, siblings }) => [position, siblings])).toEqual([
      [1, 1],
      [1, 2],
      [1, 2],
      [2, 2],
      [2, 2],
    ])
    expect(tree.visible()[2]).toMatchObject({ tensors: 2, values: 7, bytes: 28, largest: 16 })
  })

  it('shows what a filter leaves, opened, and what was there before when it is gone', () => {
    expect(tree.filter('L A')).toBe(2)
    expect(labels(tree)).toEqual(['m', '  l', '    2', '      a', '    10', '      a'])
    tree.toggle(tree.visible()[2]!, false)
    expect(labels(tree)).toEqual(['m', '  l', '    2', '    10', '      a'])
    expect(tree.filter('nothing')).toBe(0)
    expect(labels(tree)).toEqual([])
    tree.filter('')
    expect(labels(tree)).toEqual(['m', '  l', '    2', '    10', '  norm.weight'])
  })

  it('gives every tensor one row whatever it is called', () => {
    const name = fc.array(fc.constantFrom('a', 'b', '', '__proto__', 'constructor', '1'), { maxLength: 30 })
    fc.assert(
      fc.property(fc.uniqueArray(name.map(parts => parts.join('.'))), names => {
        const tree = tensorTree()
        tree.add(names.map(name => row(name)))
        for (let opened = true; opened; ) {
          opened = false
          for (const node of tree.visible())
            if (!node.tensor && !tree.isOpen(node)) {
              tree.toggle(node, true)
              opened = true
            }
        }
        const nodes = tree.visible()
        expect(new Set(nodes.flatMap(node => node.tensor?.name ?? []))).toEqual(new Set(names))
        expect(nodes.filter(node => node.tensor)).toHaveLength(names.length)
        expect(Math.max(0, ...nodes.map(node => node.level))).toBeLessThanOrEqual(16)
      }),
    )
  })

  it('can be read while its tensors are still coming', () => {
    const tree = tensorTree()
    tree.add([row('a.b.c')])
    expect(labels(tree)).toEqual(['a.b.c'])
    tree.add([row('a.b.d'), row('e')])
    expect(labels(tree)).toEqual(['a', '  b', '    c', '    d', 'e'])
  })
})

describe('messages from a page', () => {
  it('are taken when they are what they should be', () => {
    const good: unknown[] = [
      { type: 'ready', protocol: 1 },
      { type: 'cancel', id: 3 },
      { type: 'chose', tensor: 'a' },
      { type: 'ask', id: 1, call: 'tensors', start: 0, count: 10 },
      { type: 'ask', id: 2, call: 'stats', tensor: 'a', options: { bins: 64 } },
      { type: 'ask', id: 4, call: 'rowGroups', tensor: 'a', row: 1, groupSize: 32 },
      { type: 'ask', id: 5, call: 'difference', tensor: 'a' },
    ]
    for (const message of good) expect(readFromView(message)).toEqual(message)
  })

  it('are dropped when they are anything else', () => {
    const bad: unknown[] = [
      null,
      'ready',
      { type: 'ready' },
      { type: 'chose', tensor: 1 },
      { type: 'ask', id: -1, call: 'tensors', start: 0, count: 1 },
      { type: 'ask', id: 1, call: 'tensors', start: 0.5, count: 1 },
      { type: 'ask', id: 1, call: 'open', tensor: '/etc/passwd' },
      { type: 'ask', id: 1, call: 'stats', tensor: 7 },
      { type: 'ask', id: 1, call: 'stats', tensor: 'a', options: { mapRows: 1e9 } },
      { type: 'ask', id: 1, call: 'stats', tensor: 'a'.repeat(2 ** 17) },
      { type: 'ask', id: 1, call: 'rowGroups', tensor: 'a', row: 0, groupSize: 0 },
    ]
    for (const message of bad) expect(readFromView(message)).toBeUndefined()
    fc.assert(fc.property(fc.anything(), value => void readFromView(value)))
  })

  it('bring along nothing that was not asked for', () => {
    expect(readFromView({ type: 'ask', id: 1, call: 'difference', tensor: 'a', path: '/etc' })).toEqual({
      type: 'ask',
      id: 1,
      call: 'difference',
      tensor: 'a',
    })
  })
})

describe('a session', () => {
  const header = { kind: 'gguf', tensors: 0 } as unknown as ModelHeader
  const shown: Shown = { kind: 'model', path: '/m.gguf', header: async () => header }
  const start = (reader: Partial<ModelReader>, what: Shown = shown) => {
    const posted: ToView[] = []
    return {
      posted,
      session: viewSession(
        what,
        () => reader as ModelReader,
        message => void posted.push(message),
      ),
    }
  }

  it('shows the model when the page is ready, and again when the file has changed', async () => {
    const { posted, session } = start({})
    await session.refresh()
    expect(posted).toEqual([])
    await session.receive({ type: 'ready', protocol: VIEWER_PROTOCOL })
    await session.refresh()
    expect(posted).toEqual([
      { type: 'model', header },
      { type: 'model', header },
    ])
  })

  it('refuses a page of another version, and files that are refused', async () => {
    const old = start({})
    await old.session.receive({ type: 'ready', protocol: 0 })
    expect(old.posted).toMatchObject([{ type: 'refused', message: expect.stringContaining('open it again') }])
    const bad = start({}, { ...shown, header: () => Promise.reject(new Error('m.gguf: cut off')) })
    await bad.session.receive({ type: 'ready', protocol: VIEWER_PROTOCOL })
    expect(bad.posted).toEqual([{ type: 'refused', message: 'm.gguf: cut off' }])
  })

  it('answers about its own file, and about no other', async () => {
    const { posted, session } = start({ tensors: async (path, from, count) => [row(`${path} ${from} ${count}`)] })
    await session.receive({ type: 'ask', id: 1, call: 'tensors', start: 2, count: 3, path: '/etc/passwd' })
    await session.receive({ type: 'ask', id: 2, call: 'difference', tensor: 'a' })
    expect(posted).toEqual([
      { type: 'answer', id: 1, value: [row('/m.gguf 2 3')] },
      { type: 'failed', id: 2, message: 'one model has no difference' },
    ])
  })

  it('tells how far it is, and after a cancel nothing more', async () => {
    const { posted, session } = start({
      stats: (_path, _tensor, _options, { signal, onProgress } = {}) =>
        new Promise((_, reject) => {
          onProgress?.(1, 4)
          signal?.addEventListener('abort', () => {
            onProgress?.(2, 4)
            reject(signal.reason)
          })
        }),
    })
    const asked = session.receive({ type: 'ask', id: 9, call: 'stats', tensor: 'a' })
    await Promise.resolve()
    await session.receive({ type: 'cancel', id: 9 })
    await asked
    expect(posted).toEqual([{ type: 'progress', id: 9, done: 1, total: 4 }])
  })

  it('gives a page that was drawn anew no answer to the one before, though both count from 1', async () => {
    const answers: ((rows: TensorRow[]) => void)[] = []
    const { posted, session } = start({ tensors: () => new Promise(resolve => answers.push(resolve)) })
    const ask = () => session.receive({ type: 'ask', id: 1, call: 'tensors', start: 0, count: 1 })
    const before = ask()
    await session.receive({ type: 'ready', protocol: VIEWER_PROTOCOL })
    const now = ask()
    await new Promise(setImmediate)
    answers[0]!([row('of before')])
    await before
    answers[1]!([row('asked for')])
    await now
    expect(posted).toEqual([
      { type: 'model', header },
      { type: 'answer', id: 1, value: [row('asked for')] },
    ])
  })
})

describe('the page', () => {
  it('may run one script and do nothing else', () => {
    const html = viewerPage('https://x/model.js', 'n0nce', 'de')
    expect(html).toContain(`default-src 'none'; script-src 'nonce-n0nce'; base-uri 'none'; form-action 'none'`)
    expect(html.match(/<script/g)).toHaveLength(1)
    expect(html).not.toMatch(/style|unsafe|https?:\/\/(?!x\/)/)
  })

  it('takes attributes as text', () => {
    expect(viewerPage('"><script>', 'n', 'en')).not.toContain('"><script>"')
  })

  it('shows every character of a name', () => {
    expect(visibleText('a\u202Eb\u200Bc\nd\0')).toBe('a⟨U+202E⟩b⟨U+200B⟩c⟨U+000A⟩d⟨U+0000⟩')
    expect(visibleText('\uD800x')).toBe('⟨U+D800⟩x')
    expect(visibleText('')).toBe('⟨⟩')
    expect(visibleText('x'.repeat(500))).toBe(`${'x'.repeat(300)}… (500)`)
    expect(visibleText('שלום é 模型 <b>')).toBe('שלום é 模型 <b>')
  })

  it('speaks another language where one is given', () => {
    expect(translator()('tensorsShown', 3, 4)).toBe('3 of 4 tensors')
    expect(translator({ tensorsShown: '{1}: {0}' })('tensorsShown', 3, 4)).toBe('4: 3')
    expect(translator(JSON.parse('{"__proto__":"x"}'))('tree')).toBe('Tensors')
  })

  it('writes numbers', () => {
    expect([0, 999, 1000, 1_234_567, 20e9].map(byteText)).toEqual(['0 B', '999 B', '1.00 kB', '1.23 MB', '20.0 GB'])
    expect([0, 999, 1000, 1234567].map(countText)).toEqual(['0', '999', '1,000', '1,234,567'])
    expect([null, 0, 1 / 3, -2, 12345678, 1e-9].map(valueText)).toEqual([
      '–',
      '0',
      '0.3333',
      '-2',
      '12350000',
      '1.000e-9',
    ])
  })
})

it('the manifest declares the editors and the command', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    contributes: { customEditors: { viewType: string }[]; commands: { command: string }[] }
  }
  const viewers = manifest.contributes.customEditors.filter(({ viewType }) => viewType.startsWith('sinter.model'))
  expect(viewers).toEqual(viewerContribution.customEditors)
  const commands = manifest.contributes.commands.map(({ command }) => command)
  for (const command of viewerContribution.commands) expect(commands).toContain(command)
})
