import { basename } from 'node:path'
import * as vscode from 'vscode'
import { type EngineClient, EngineError } from '../../engine-client/index.ts'
import type { ConversionPlan, ConvertParams } from '../../shared/protocol.ts'
import { showBytes } from '../../shared/units.ts'
import { pathOf, uriOf } from '../paths.ts'
import type { RunList, ShownRun } from '../runs/run-list.ts'
import { type ChosenFormat, chooseFormat } from './choose-format.ts'
import { chooseSource, type ExportSource } from './choose-source.ts'

/** *Export…*: a model or the result of a run in another format, as `sinter convert` writes it. */
export function registerExport(client: EngineClient, runs: RunList): vscode.Disposable {
  return vscode.commands.registerCommand('sinter.export', (clicked?: vscode.Uri | ShownRun) =>
    exportModel(client, runs, clicked).catch((error: Error) => {
      // Who stopped it knows.
      if (!(error instanceof EngineError && error.kind === 'cancelled'))
        void vscode.window.showErrorMessage(error.message)
    }),
  )
}

async function exportModel(
  client: EngineClient,
  runs: RunList,
  clicked: vscode.Uri | ShownRun | undefined,
): Promise<void> {
  if (!vscode.workspace.isTrusted)
    throw new Error(vscode.l10n.t('Nothing runs in Restricted Mode: trust this folder first.'))
  const source = await chooseSource(runs, clicked)
  const format = source && (await chooseFormat(await client.request('methods', {})))
  if (!source || !format) return
  const { path } = source
  const { to } = format
  const plan = await withProgress(vscode.l10n.t('Looking at {name}', { name: source.name }), signal =>
    client.request('conversionPlan', { path, to }, { signal }),
  )
  if (!(await agrees(source, plan))) return
  const place = await choosePlace(source, format)
  if (place) await write(client, { path, to, ...place })
}

/** Says what the export loses, and asks whether to go on. */
async function agrees(
  { name }: ExportSource,
  { to, inputBytes, bytes, losses, notes }: ConversionPlan,
): Promise<boolean> {
  const sizes = vscode.l10n.t('Tensors of {before} become {after}.', {
    before: showBytes(inputBytes),
    after: showBytes(bytes),
  })
  const lost = losses.length > 0 ? losses : [vscode.l10n.t('Nothing is lost: every number is kept as it is.')]
  const go = vscode.l10n.t('Export')
  const question = vscode.l10n.t('Export {name} as {format}?', { name, format: to })
  const detail = [sizes, ...lost, ...notes].join('\n\n')
  return (await vscode.window.showInformationMessage(question, { modal: true, detail }, go)) === go
}

/** Nothing that is there is replaced unless somebody says so, and never a folder. */
async function choosePlace(
  { name, folder }: ExportSource,
  { to, extension }: ChosenFormat,
): Promise<Pick<ConvertParams, 'out' | 'replace'> | undefined> {
  const ending = extension === undefined ? to : to.slice(to.indexOf(':') + 1)
  const usual = `${name}-${ending.replace(':', '-')}${extension ?? ''}`
  const place = await vscode.window.showSaveDialog({
    defaultUri: vscode.Uri.joinPath(folder, usual),
    saveLabel: vscode.l10n.t('Export'),
  })
  if (!place) return undefined
  const chosen = pathOf(place)
  const out = extension === undefined || chosen.endsWith(extension) ? chosen : `${chosen}${extension}`
  const there = await vscode.workspace.fs.stat(uriOf(out)).then(
    ({ type }) => type,
    () => undefined,
  )
  if (there === undefined) return { out }
  if (extension === undefined || there !== vscode.FileType.File)
    throw new Error(vscode.l10n.t('{path} exists; choose another name.', { path: out }))
  const replace = vscode.l10n.t('Replace')
  const question = vscode.l10n.t('{path} exists. Replace it?', { path: out })
  const answer = await vscode.window.showWarningMessage(question, { modal: true }, replace)
  return answer === replace ? { out, replace: true } : undefined
}

async function write(client: EngineClient, params: ConvertParams): Promise<void> {
  const threads = vscode.workspace.getConfiguration('sinter').get('threads', 0)
  const title = vscode.l10n.t('Exporting {name}', { name: basename(params.out) })
  const { path, outputBytes, notes } = await withProgress(title, (signal, report) =>
    client.request(
      'convert',
      { ...params, ...(threads > 0 && { threads }) },
      { signal, onEvent: event => event.type === 'progress' && report(event.done / event.total) },
    ),
  )
  await vscode.commands.executeCommand('revealInExplorer', uriOf(path))
  const size = showBytes(outputBytes)
  const told = vscode.l10n.t('{name} is written ({size}).', { name: basename(path), size })
  void vscode.window.showInformationMessage([told, ...notes].join('\n'))
}

/** A notification whose *Cancel* reaches the engine. */
function withProgress<T>(
  title: string,
  work: (signal: AbortSignal, report: (share: number) => void) => Promise<T>,
): Promise<T> {
  const options = { location: vscode.ProgressLocation.Notification, title, cancellable: true }
  return Promise.resolve(
    vscode.window.withProgress(options, (progress, cancel) => {
      const controller = new AbortController()
      cancel.onCancellationRequested(() => controller.abort())
      let shown = 0
      return work(controller.signal, share => {
        const percent = Math.floor(100 * share)
        if (percent > shown) progress.report({ message: `${percent} %`, increment: percent - shown })
        shown = Math.max(shown, percent)
      })
    }),
  )
}
