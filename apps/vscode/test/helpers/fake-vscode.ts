import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** As much of the workbench as the viewers use. What it really does is tested in a real one. */
export interface FakeUri {
  readonly scheme: string
  readonly path: string
  readonly fsPath: string
  toString(): string
}

export const fakeUri = (scheme: string, path: string): FakeUri => ({
  scheme,
  path,
  fsPath: path,
  toString: () => `${scheme}:${path}`,
})

type Listener<T> = (value: T) => void

class EventEmitter<T> {
  private readonly listeners = new Set<Listener<T>>()
  readonly event = (listener: Listener<T>): { dispose(): void } => {
    this.listeners.add(listener)
    return { dispose: () => void this.listeners.delete(listener) }
  }
  fire(value: T): void {
    for (const listener of this.listeners) listener(value)
  }
  dispose(): void {
    this.listeners.clear()
  }
}

export interface FakePanel {
  readonly webview: { options: unknown; html: string; [name: string]: unknown }
  readonly onDidDispose: (listener: Listener<void>) => unknown
  visible: boolean
  viewColumn: number
  readonly posted: unknown[]
  receive(message: unknown): void
  dispose(): void
}

interface Provider {
  openCustomDocument(uri: FakeUri): Promise<unknown>
  resolveCustomEditor(document: unknown, panel: FakePanel): void
}

function panel(): FakePanel {
  const [messages, disposed] = [new EventEmitter<unknown>(), new EventEmitter<void>()]
  const posted: unknown[] = []
  return {
    webview: {
      options: {},
      html: '',
      onDidReceiveMessage: messages.event,
      postMessage: async (message: unknown) => posted.push(message),
      asWebviewUri: (uri: FakeUri) => fakeUri('webview', uri.path),
    },
    onDidDispose: disposed.event,
    visible: true,
    viewColumn: 1,
    posted,
    receive: message => messages.fire(message),
    dispose: () => disposed.fire(),
  }
}

const changes = new EventEmitter<void>()

interface Workbench {
  readonly editors: Map<string, Provider>
  readonly commands: Map<string, (...args: unknown[]) => Promise<unknown>>
  readonly executed: unknown[][]
  readonly panels: FakePanel[]
  readonly watched: string[]
  /** Of every file, for `stat`. */
  size: number
  reads: number
  panel(): FakePanel
  change(): void
  reset(): void
}

/** What the fake was told, and what it is made to tell. */
export const workbench: Workbench = {
  editors: new Map(),
  commands: new Map(),
  executed: [],
  panels: [],
  watched: [],
  size: 4,
  reads: 0,
  panel,
  change: () => changes.fire(),
  reset() {
    for (const seen of [this.editors, this.commands]) seen.clear()
    for (const seen of [this.executed, this.panels, this.watched]) seen.length = 0
    changes.dispose()
    this.size = 4
    this.reads = 0
  },
}

class Disposable {
  readonly dispose: () => void
  constructor(dispose: () => void) {
    this.dispose = dispose
  }
}

class RelativePattern {
  readonly text: string
  constructor(base: FakeUri, pattern: string) {
    this.text = `${base.path} :: ${pattern}`
  }
}

const nothing = { dispose() {} }

export const fakeVscode: object = {
  EventEmitter,
  Disposable,
  RelativePattern,
  ViewColumn: { Beside: -2 },
  Uri: { joinPath: (base: FakeUri, ...parts: string[]) => fakeUri(base.scheme, join(base.path, ...parts)) },
  env: { language: 'en' },
  l10n: {
    bundle: undefined,
    t: (text: string, ...parts: unknown[]) => text.replace(/\{(\d)\}/g, (_, at: string) => String(parts[Number(at)])),
  },
  workspace: {
    asRelativePath: (uri: FakeUri) => uri.path.replace(/^\/w\//, ''),
    createFileSystemWatcher: (pattern: RelativePattern) => {
      workbench.watched.push(pattern.text)
      return { onDidChange: changes.event, onDidCreate: () => nothing, dispose() {} }
    },
    fs: {
      stat: async () => ({ size: workbench.size }),
      readFile: async (uri: FakeUri) => {
        workbench.reads++
        return readFile(uri.path)
      },
      writeFile: async (uri: FakeUri, bytes: Uint8Array) => {
        await mkdir(dirname(uri.path), { recursive: true })
        await writeFile(uri.path, bytes)
      },
      delete: (uri: FakeUri) => rm(uri.path, { recursive: true }),
    },
  },
  window: {
    registerCustomEditorProvider: (type: string, provider: Provider) => {
      workbench.editors.set(type, provider)
      return nothing
    },
    createWebviewPanel: () => {
      workbench.panels.push(panel())
      return workbench.panels.at(-1)
    },
  },
  commands: {
    registerCommand: (name: string, run: (...args: unknown[]) => Promise<unknown>) => {
      workbench.commands.set(name, run)
      return nothing
    },
    executeCommand: async (...args: unknown[]) => void workbench.executed.push(args),
  },
}
