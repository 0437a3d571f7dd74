import { readFile } from 'node:fs/promises'

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
  /** What stands in the status bar. */
  statusBar: string
  readonly panels: { receive(message: unknown): void; readonly posted: unknown[] }[]
  folder: string
  trusted: boolean
  /** Of its folder's address. */
  scheme: string
  document: { uri: { scheme: string; path: string; fsPath: string }; languageId: string; getText(): string } | undefined
  tree: Tree | undefined
  /** *Cancel* in the notification. */
  cancel: () => void
}

export const runsWorkbench: RunsWorkbench = {
  commands: new Map(),
  messages: [],
  progress: [],
  statusBar: '',
  panels: [],
  folder: '',
  trusted: true,
  scheme: 'file',
  document: undefined,
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
  showErrorMessage: says,
  showInformationMessage: says,
  withProgress: (_: unknown, work: (progress: object, cancel: object) => Promise<unknown>) => {
    const report = ({ message }: { message: string }) => runsWorkbench.progress.push(message)
    const onCancellationRequested = (stop: () => void) => {
      runsWorkbench.cancel = stop
    }
    return work({ report }, { onCancellationRequested })
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
  ProgressLocation: { Notification: 15 },
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
    file: (fsPath: string) => ({ scheme: 'file', fsPath }),
    joinPath: ({ path }: { readonly path: string }, ...parts: string[]) => ({ path: [path, ...parts].join('/') }),
  },
  env: { language: 'en' },
  workspace: {
    fs: { readFile: ({ fsPath }: { readonly fsPath: string }) => readFile(fsPath) },
    get isTrusted() {
      return runsWorkbench.trusted
    },
    get workspaceFolders() {
      return [{ uri: { scheme: runsWorkbench.scheme, fsPath: runsWorkbench.folder } }]
    },
    getWorkspaceFolder: () => undefined,
    getConfiguration: () => ({ get: (name: string, usual: unknown) => (name === 'threads' ? 1 : usual) }),
  },
  commands: {
    registerCommand: (name: string, run: (...args: readonly unknown[]) => Promise<unknown>) => {
      runsWorkbench.commands.set(name, run)
      return { dispose() {} }
    },
    executeCommand: async () => {},
  },
}
