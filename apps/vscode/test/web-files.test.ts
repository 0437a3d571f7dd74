import { beforeEach, expect, test, vi } from 'vitest'
import type { Uri } from 'vscode'
import { showFile } from '../src/host/web/shown-files.ts'
import { answerFile } from '../src/host/web/workspace-files.ts'
import { MAX_FETCHED_BYTES, setElsewhere } from '../src/web/files/elsewhere.ts'
import { MAX_STORED_BYTES } from '../src/web/files/memory-files.ts'
import * as files from '../src/web/node/fs-promises.ts'

interface FakeUri {
  readonly scheme: string
  readonly authority: string
  readonly path: string
  with(change: { path: string }): FakeUri
}

const uri = (scheme: string, authority: string, path: string): FakeUri => ({
  scheme,
  authority,
  path,
  with: change => uri(scheme, authority, change.path),
})

const workbench = vi.hoisted(() => ({ trusted: true, touched: [] as string[] }))

vi.mock('vscode', () => {
  const show = ({ scheme, authority, path }: FakeUri): string => `${scheme}://${authority}${path}`
  const touch = (what: string) => async (place: FakeUri) => {
    workbench.touched.push(`${what} ${show(place)}`)
    return { type: 1, size: 3, mtime: 5 }
  }
  return {
    FileType: { Directory: 2 },
    l10n: { t: (text: string) => text },
    workspace: {
      get isTrusted() {
        return workbench.trusted
      },
      get workspaceFolders() {
        return [{ uri: uri('vscode-vfs', 'github', '/me/models') }]
      },
      fs: { stat: touch('stat'), readFile: touch('read'), writeFile: touch('write') },
    },
  }
})

beforeEach(() => {
  workbench.trusted = true
  workbench.touched.length = 0
})

test('what lies in the workspace is read by its own address', async () => {
  expect(await answerFile({ kind: 'stat', path: '/me/models/a' })).toEqual({ kind: 'file', size: 3, modified: 5 })
  await answerFile({ kind: 'read', path: '/me/models/a/b.gguf' })
  expect(workbench.touched).toEqual([
    'stat vscode-vfs://github/me/models/a',
    'read vscode-vfs://github/me/models/a/b.gguf',
  ])
})

test.for(['/me', '/me/models2/a', '/me/models/../other/a', '/etc/passwd', 'me/models/a'])(
  '%s lies outside: it is not there, and nothing is written',
  async path => {
    expect(await answerFile({ kind: 'stat', path })).toBeUndefined()
    for (const kind of ['read', 'names'] as const) await expect(answerFile({ kind, path })).rejects.toThrow('ENOENT')
    await expect(answerFile({ kind: 'write', path, bytes: new Uint8Array(1) })).rejects.toThrow('EACCES')
    expect(workbench.touched).toEqual([])
  },
)

test('in a workspace that is not trusted nothing is written', async () => {
  const request = { kind: 'write', path: '/me/models/out', bytes: new Uint8Array(1) } as const
  workbench.trusted = false
  await expect(answerFile(request)).rejects.toThrow('EACCES')
  workbench.trusted = true
  await answerFile(request)
  expect(workbench.touched).toEqual(['write vscode-vfs://github/me/models/out'])
})

test('a file that is shown is read as long as it is, wherever it lies, and never written', async () => {
  const hide = showFile(uri('memfs', '', '/far/x.gguf') as unknown as Uri)
  await answerFile({ kind: 'read', path: '/far/x.gguf' })
  await expect(answerFile({ kind: 'write', path: '/far/x.gguf', bytes: new Uint8Array(1) })).rejects.toThrow('EACCES')
  hide()
  await expect(answerFile({ kind: 'read', path: '/far/x.gguf' })).rejects.toThrow('ENOENT')
  expect(workbench.touched).toEqual(['read memfs:///far/x.gguf'])
})

test('a file above the ceiling is refused before a byte of it is read, and says why', async () => {
  const read = vi.fn()
  const stat = async () => ({ kind: 'file', size: MAX_FETCHED_BYTES + 1, modified: 1 }) as const
  setElsewhere({ stat, names: async () => [], read, write: async () => {} })
  await expect(files.open('/w/large.gguf')).rejects.toThrow(`the web extension reads at most ${MAX_FETCHED_BYTES}`)
  expect(read).not.toHaveBeenCalled()
})

test('what is written lies in memory, below a ceiling, and files of the workspace are not touched', async () => {
  const write = vi.fn()
  const stat = async (path: string) => (path === '/w' ? ({ kind: 'folder', size: 0, modified: 1 } as const) : undefined)
  setElsewhere({ stat, names: async () => ['there'], read: vi.fn(), write })
  await files.mkdir('/w/out/deep', { recursive: true })
  await files.writeFile('/w/out/deep/a', 'abc')
  await files.rename('/w/out', '/w/done')
  expect(await files.readdir('/w')).toEqual(['done', 'there'])
  expect(await files.readFile('/w/done/deep/a', 'utf8')).toBe('abc')
  await expect(files.stat('/w/out')).rejects.toThrow('ENOENT')
  const handle = await files.open('/w/done/b', 'w')
  await expect(handle.write(new Uint8Array(1), 0, 1, MAX_STORED_BYTES)).rejects.toMatchObject({ code: 'ENOSPC' })
  await handle.write(new Uint8Array([7]), 0, 1, 2)
  expect(await files.readFile('/w/done/b')).toEqual(new Uint8Array([0, 0, 7]))
  expect(write).not.toHaveBeenCalled()
})

test('an exclusive file is made once', async () => {
  await files.mkdir('/x', { recursive: true })
  await files.writeFile('/x/lock', '1', { flag: 'wx' })
  await expect(files.writeFile('/x/lock', '2', { flag: 'wx' })).rejects.toMatchObject({ code: 'EEXIST' })
  await files.rm('/x/lock')
  await expect(files.rm('/x/lock')).rejects.toMatchObject({ code: 'ENOENT' })
})
