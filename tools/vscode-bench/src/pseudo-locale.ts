import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { addExtension } from './add-extension.ts'
import { pseudo } from './pseudo.ts'

/** The locale that means "no language": nobody has a translation of it by accident. */
export const PSEUDO_LOCALE = 'qps-ploc'

/** The cookie by which the workbench's page knows its language. */
export function localeCookie(port: number): { name: string; value: string; url: string } {
  return { name: 'vscode.nls.locale', value: PSEUDO_LOCALE, url: `http://localhost:${port}` }
}

const packManifest = {
  name: 'pseudo',
  contributes: {
    localizations: [
      {
        languageId: PSEUDO_LOCALE,
        languageName: 'Pseudo',
        localizedLanguageName: 'Pseudo',
        translations: [{ id: 'vscode', path: './main.i18n.json' }],
      },
    ],
  },
}

/**
 * Makes a host speak pseudo: a language pack without a word of the workbench's own, and the installed extension's texts changed.
 * @param folder of the host, before its server starts
 */
export function speakPseudo(folder: string): void {
  const words = { 'main.i18n.json': JSON.stringify({ version: '1.0.0', contents: {} }) }
  const main = join(addExtension(folder, packManifest, words), 'main.i18n.json')
  const extensions = [{ extensionIdentifier: { id: 'sinter.pseudo' }, version: '1.0.0' }]
  const known = { hash: 'pseudo', extensions, translations: { vscode: main }, label: 'Pseudo' }
  writeFileSync(join(folder, 'ud/languagepacks.json'), JSON.stringify({ [PSEUDO_LOCALE]: known }))
  // Without this file the server says English before it looks at the page's cookie.
  writeFileSync(join(folder, 'ud/User/argv.json'), JSON.stringify({ locale: PSEUDO_LOCALE }))

  const installed = readdirSync(join(folder, 'ext')).find(name => name.startsWith('sinter.sinter-vscode'))
  if (!installed) throw new Error(`the extension is not installed in ${folder}/ext`)
  const extension = join(folder, 'ext', installed)
  translate(join(extension, 'package.nls.json'), join(extension, `package.nls.${PSEUDO_LOCALE}.json`))
  translate(join(extension, 'l10n/bundle.l10n.json'), join(extension, `l10n/bundle.l10n.${PSEUDO_LOCALE}.json`))
}

function translate(from: string, to: string): void {
  const texts = JSON.parse(readFileSync(from, 'utf8')) as Record<string, string>
  writeFileSync(to, JSON.stringify(Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, pseudo(text)]))))
}
