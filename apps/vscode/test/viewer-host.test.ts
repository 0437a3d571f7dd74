import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { openModelDocument } from '../src/host/viewer/model-document.ts'
import { registerModelViewers } from '../src/host/viewer/register.ts'
import type { ModelHeader, ModelReader } from '../src/shared/model-reader.ts'
import { type FakePanel, fakeUri, workbench } from './helpers/fake-vscode.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-vscode.ts')).fakeVscode)

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-host-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))
beforeEach(() => workbench.reset())

const storage = () => fakeUri('file', join(folder, 'storage'))

function fakeReader() {
  const calls: string[] = []
  const reader = {
    open: async (path: string) => {
      calls.push(`open ${path}`)
      return { kind: 'safetensors', tensors: 1 } as unknown as ModelHeader
    },
    close: async (path: string) => void calls.push(`close ${path}`),
    compare: async (a: string, b: string) => {
      calls.push(`compare ${a} ${b}`)
      return { both: [], onlyBefore: [], onlyAfter: [] }
    },
    endComparison: async (a: string, b: string) => void calls.push(`endComparison ${a} ${b}`),
  } as unknown as ModelReader
  return { calls, readerOf: async () => reader }
}

describe('a document', () => {
  it('reads the header once, again when the file has changed, and lets go of the file', async () => {
    const { calls, readerOf } = fakeReader()
    const document = await openModelDocument(
      fakeUri('file', '/m/[a].safetensors') as never,
      storage() as never,
      readerOf,
    )
    await document.header()
    await document.header()
    expect(calls).toEqual(['open /m/[a].safetensors'])
    expect(workbench.watched).toEqual(['/m :: ?a?.safetensors'])
    const changed = new Promise<void>(resolve => document.onDidChange(resolve))
    workbench.change()
    await changed
    await document.header()
    expect(calls.slice(1)).toEqual(['close /m/[a].safetensors', 'open /m/[a].safetensors'])
    document.dispose()
    await expect.poll(() => calls.at(-1)).toBe('close /m/[a].safetensors')
  })

  it('of another file system is a copy, deleted with it', async () => {
    const inner = join(folder, 'elsewhere.gguf')
    await writeFile(inner, 'GGUF')
    const { calls, readerOf } = fakeReader()
    const document = await openModelDocument(fakeUri('memfs', inner) as never, storage() as never, readerOf)
    expect(document.path).toMatch(/storage\/viewed\/[-0-9a-f]+\/model\.gguf$/)
    expect(await readFile(document.path, 'utf8')).toBe('GGUF')
    await document.header()
    document.dispose()
    await expect.poll(() => readFile(document.path).catch(() => 'gone')).toBe('gone')
    expect(calls).toHaveLength(2)
  })

  it('of another file system that is too large is refused before it is read', async () => {
    workbench.size = 300 * 2 ** 20
    const opening = openModelDocument(
      fakeUri('memfs', '/large.gguf') as never,
      storage() as never,
      fakeReader().readerOf,
    )
    await expect(opening).rejects.toThrow('300 MB')
    expect(workbench.reads).toBe(0)
  })
})

describe('the registration', () => {
  it('starts no reader before a page is ready, and shows pages that may do nothing but run their script', async () => {
    const { calls, readerOf } = fakeReader()
    const asked = vi.fn(readerOf)
    const context = { subscriptions: [], extensionUri: fakeUri('file', '/extension'), globalStorageUri: storage() }
    registerModelViewers(context as never, asked)
    expect([...workbench.editors.keys()]).toEqual(['sinter.model', 'sinter.modelIndex'])
    const provider = workbench.editors.get('sinter.model')!
    const document = await provider.openCustomDocument(fakeUri('file', '/m/a.safetensors'))
    const panel = workbench.panel()
    provider.resolveCustomEditor(document, panel)
    expect(asked).not.toHaveBeenCalled()
    expect(panel.webview.options).toMatchObject({
      enableScripts: true,
      localResourceRoots: [{ path: '/extension/dist/webviews' }],
    })
    expect(panel.webview.html).toMatch(/script-src 'nonce-[0-9a-f]{32}'/)
    expect(panel.webview.html).toContain('src="webview:/extension/dist/webviews/model.js"')
    panel.receive({ type: 'ready', protocol: 1 })
    await expect.poll(() => panel.posted).toMatchObject([{ type: 'model' }])
    expect(calls).toEqual(['open /m/a.safetensors'])
  })

  it('lets the other side of a diff follow, and nobody else', async () => {
    const context = { subscriptions: [], extensionUri: fakeUri('file', '/extension'), globalStorageUri: storage() }
    registerModelViewers(context as never, fakeReader().readerOf)
    const provider = workbench.editors.get('sinter.model')!
    const panels = [workbench.panel(), workbench.panel(), workbench.panel(), workbench.panel(), workbench.panel()]
    const [left, right, hidden, beside, closed] = panels as [FakePanel, FakePanel, FakePanel, FakePanel, FakePanel]
    for (const panel of panels)
      provider.resolveCustomEditor(await provider.openCustomDocument(fakeUri('file', '/m/a.gguf')), panel)
    hidden.visible = false
    beside.viewColumn = 2
    closed.dispose()
    left.receive({ type: 'chose', tensor: 'w' })
    expect(panels.map(panel => panel.posted)).toEqual([[], [{ type: 'choose', tensor: 'w' }], [], [], []])
    right.receive({ type: 'chose', tensor: 'v' })
    expect(left.posted).toEqual([{ type: 'choose', tensor: 'v' }])
  })

  it('compares two models in the native diff, and lists their errors beside it', async () => {
    const { calls, readerOf } = fakeReader()
    const context = { subscriptions: [], extensionUri: fakeUri('file', '/extension'), globalStorageUri: storage() }
    registerModelViewers(context as never, readerOf)
    const [a, b] = [fakeUri('file', '/w/a/model.safetensors'), fakeUri('file', '/w/b/model.safetensors')]
    await workbench.commands.get('sinter.compare')!(a, [a, b])
    expect(workbench.executed).toEqual([['vscode.diff', a, b, 'a/model.safetensors ↔ b/model.safetensors']])
    const panel = workbench.panels.at(-1)!
    panel.receive({ type: 'ready', protocol: 1 })
    await expect
      .poll(() => panel.posted)
      .toMatchObject([{ type: 'comparison', names: { before: 'a/model.safetensors' } }])
    panel.dispose()
    await expect.poll(() => calls).toEqual([`compare ${a.path} ${b.path}`, `endComparison ${a.path} ${b.path}`])
  })
})
