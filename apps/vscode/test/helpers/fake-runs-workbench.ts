import { readdirSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import type * as vscode from 'vscode'

/** As much of the workbench as the runs use. What it really does is tested in a real one. */

interface Tree {
  getChildren(): readonly unknown[]
  getTreeItem(element: unknown): { label: string; description: string; contextValue: string; tooltip: string }
}

export interface RunsWorkbench {
  readonly commands: Map<string, (...args: readonly unknown[]) => Promise<unknown>>
  readonly messages: string[]
  /** What progress notifications said. */
  readonly progress: string[]
  /** Progress notifications that are there now. */
  notifications: number
  /** What stands in the status bar. */
  statusBar: string
  readonly panels: { receive(message: unknown): void; readonly posted: unknown[] }[]
  folder: string
  trusted: boolean
  /** Takes the first answer of a warning that asks. */
  agrees: boolean
  /** Of its folder's address. */
  scheme: string
  document: { uri: { scheme: string; path: string; fsPath: string }; languageId: string; getText(): string } | undefined
  taskProvider: vscode.TaskProvider | undefined
  /** Texts that were opened as new files, by their paths. */
  readonly unsaved: Map<string, string>
  tree: Tree | undefined
  /** *Cancel* in the notification. */
  cancel: () => void
}

export const runsWorkbench: RunsWorkbench = {
  commands: new Map(),
  messages: [],
  progress: [],
  notifications: 0,
  statusBar: '',
  panels: [],
  folder: '',
  trusted: true,
  agrees: false,
  scheme: 'file',
  document: undefined,
  taskProvider: undefined,
  unsaved: new Map(),
  tree: undefined,
  cancel: () => {},
}

class EventEmitter<T> {
  readonly #listeners = new Set<(value: T) => void>()
  readonly event = (listener: (value: T) => void): { dispose(): void } => {
    this.#listeners.add(listener)
    return { dispose: () => void this.#listeners.delete(listener) }
  }
  fire(value: T): void {
    for (const listener of this.#listeners) listener(value)
  }
  dispose(): void {
    this.#listeners.clear()
  }
}

interface FileUri {
  readonly scheme: string
  readonly path: string
  readonly fsPath: string
  toString(): string
  with(changes: { readonly scheme: string }): FileUri
}

const fileUri = (scheme: string, path: string): FileUri => ({
  scheme,
  path,
  fsPath: path,
  toString: () => `${scheme}:${path}`,
  with: changes => fileUri(changes.scheme, path),
})

const folder = () => ({ uri: fileUri(runsWorkbench.scheme, runsWorkbench.folder) })

type Parts = Readonly<Record<string, unknown>>

const says = async (text: string): Promise<undefined> => void runsWorkbench.messages.push(text)

class TreeItem {
  readonly label: string
  constructor(label: string) {
    this.label = label
  }
}

class ThemeIcon {
  readonly id: string
  constructor(id: string) {
    this.id = id
  }
}

const window = {
  createTreeView: (_: string, options: { treeDataProvider: Tree }) => {
    runsWorkbench.tree = options.treeDataProvider
    return { dispose() {} }
  },
  createStatusBarItem: () => ({
    set text(text: string) {
      runsWorkbench.statusBar = text
    },
    show() {},
    hide() {},
    dispose() {},
  }),
  showTextDocument: async () => {},
  showErrorMessage: says,
  showWarningMessage: async (text: string, _: unknown, ...answers: string[]) => {
    runsWorkbench.messages.push(text)
    return runsWorkbench.agrees ? answers[0] : undefined
  },
  showInformationMessage: says,
  withProgress: (_: unknown, work: (progress: object, cancel: object) => Promise<unknown>) => {
    const report = ({ message }: { message: string }) => runsWorkbench.progress.push(message)
    const onCancellationRequested = (stop: () => void) => {
      runsWorkbench.cancel = stop
    }
    runsWorkbench.notifications++
    return work({ report }, { onCancellationRequested }).finally(() => runsWorkbench.notifications--)
  },
  createWebviewPanel: () => {
    const messages = new EventEmitter<unknown>()
    const posted: unknown[] = []
    runsWorkbench.panels.push({ receive: message => messages.fire(message), posted })
    const webview = {
      html: '',
      options: {},
      onDidReceiveMessage: messages.event,
      postMessage: async (message: unknown) => posted.push(message),
      asWebviewUri: (uri: unknown) => uri,
    }
    return { webview, onDidDispose: () => ({ dispose() {} }) }
  },
  get activeTextEditor() {
    return runsWorkbench.document && { document: runsWorkbench.document }
  },
}

export const fakeRunsVscode: object = {
  EventEmitter,
  TreeItem,
  ThemeIcon,
  window,
  TreeItemCollapsibleState: { None: 0 },
  StatusBarAlignment: { Left: 1 },
  ProgressLocation: { Notification: 15, Window: 10 },
  ViewColumn: { Active: -1 },
  Disposable: {
    from: (...all: { dispose(): void }[]) => ({
      dispose: () => {
        for (const one of all) one.dispose()
      },
    }),
  },
  l10n: { t: (text: string, parts: Parts = {}) => text.replace(/\{(\w+)\}/g, (_, at: string) => String(parts[at])) },
  Uri: {
    file: (path: string) => fileUri('file', path),
    joinPath: ({ path }: { readonly path: string }, ...parts: string[]) => fileUri('file', posix.join(path, ...parts)),
  },
  env: { language: 'en' },
  Position: class {},
  WorkspaceEdit: class {
    readonly inserted: [path: string, text: string][] = []
    insert({ path }: FileUri, _: unknown, text: string): void {
      this.inserted.push([path, text])
    }
  },
  workspace: {
    fs: {
      readFile: ({ fsPath }: FileUri) => readFile(fsPath),
      stat: ({ fsPath }: FileUri) => stat(fsPath),
    },
    get textDocuments() {
      return [...runsWorkbench.unsaved.keys()].map(path => ({ uri: fileUri('untitled', path) }))
    },
    openTextDocument: async (uri: FileUri) => ({ uri }),
    findFiles: async () =>
      readdirSync(runsWorkbench.folder)
        .filter(name => name.endsWith('.sinter.jsonc'))
        .map(name => fileUri('file', posix.join(runsWorkbench.folder, name))),
    applyEdit: async ({ inserted }: { readonly inserted: readonly [string, string][] }) => {
      for (const [path, text] of inserted) runsWorkbench.unsaved.set(path, text)
      return true
    },
    get isTrusted() {
      return runsWorkbench.trusted
    },
    get workspaceFolders() {
      return [folder()]
    },
    getWorkspaceFolder: () => folder(),
    onDidChangeWorkspaceFolders: () => ({ dispose() {} }),
    onDidGrantWorkspaceTrust: () => ({ dispose() {} }),
    registerTextDocumentContentProvider: () => ({ dispose() {} }),
    getConfiguration: () => ({ get: (name: string, usual: unknown) => (name === 'threads' ? 1 : usual) }),
  },
  tasks: {
    registerTaskProvider: (_: string, provider: vscode.TaskProvider) => {
      runsWorkbench.taskProvider = provider
      return { dispose() {} }
    },
  },
  CustomExecution: class {
    readonly callback: unknown
    constructor(callback: unknown) {
      this.callback = callback
    }
  },
  Task: class {
    readonly definition: unknown
    readonly name: string
    readonly execution: unknown
    readonly problemMatchers: readonly unknown[]
    detail: string | undefined
    constructor(
      definition: unknown,
      _scope: unknown,
      name: string,
      _source: string,
      execution: unknown,
      matcher: unknown,
    ) {
      this.definition = definition
      this.name = name
      this.execution = execution
      this.problemMatchers = [matcher]
    }
  },
  commands: {
    registerCommand: (name: string, run: (...args: readonly unknown[]) => Promise<unknown>) => {
      runsWorkbench.commands.set(name, run)
      return { dispose() {} }
    },
    executeCommand: async () => {},
  },
}
