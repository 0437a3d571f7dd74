import * as vscode from 'vscode'
import type { MethodsResult } from '../../shared/protocol.ts'

export interface ChosenFormat {
  /** `gguf:Q4_K_M` */
  readonly to: string
  /** Of the file, with its dot; undefined for a folder. */
  readonly extension: string | undefined
}

/** What people export to most stands first; the rest as the table of formats has it. */
const usual = ['gguf:Q4_K_M', 'gguf:Q5_K_M', 'gguf:Q8_0', 'gguf:F16', 'onnx:q4']

export async function chooseFormat({ formats }: MethodsResult): Promise<ChosenFormat | undefined> {
  const items = formats.flatMap(({ name, title, types, file }) =>
    types.map(type => ({
      label: `${name}:${type}`,
      description: title,
      to: `${name}:${type}`,
      extension: file === undefined ? undefined : file.slice(file.lastIndexOf('.')),
    })),
  )
  const rank = ({ to }: ChosenFormat): number => (usual.includes(to) ? usual.indexOf(to) : usual.length)
  return vscode.window.showQuickPick(
    items.sort((a, b) => rank(a) - rank(b)),
    { placeHolder: vscode.l10n.t('The format to write'), matchOnDescription: true },
  )
}
