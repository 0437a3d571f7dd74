import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pseudo } from './pseudo.ts'

/** The locale that means "no language": nobody has a translation of it by accident. */
export const PSEUDO_LOCALE = 'qps-ploc'

/** The cookie by which the workbench's page knows its language. */
export function localeCookie(port: number): { name: string; value: string; url: string } {
  return { name: 'vscode.nls.locale', value: PSEUDO_LOCALE, url: `http://localhost:${port}` }
}

const PACK = 'sinter.pseudo-1.0.0'

const packManifest = {
  name: 'pseudo',
  publisher: 'sinter',
  version: '1.0.0',
  engines: { vscode: '*' },
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
  const pack = join(folder, 'ext', PACK)
  mkdirSync(pack, { recursive: true })
  const main = join(pack, 'main.i18n.json')
  writeFileSync(main, JSON.stringify({ version: '1.0.0', contents: {} }))
  writeFileSync(join(pack, 'package.json'), JSON.stringify(packManifest))
  register(join(folder, 'ext/extensions.json'), pack)
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

/** What installing it would have written: the server forgets packs whose extension it does not know. */
function register(list: string, path: string): void {
  const known = JSON.parse(readFileSync(list, 'utf8')) as unknown[]
  const location = { $mid: 1, path, scheme: 'file' }
  known.push({ identifier: { id: 'sinter.pseudo' }, version: '1.0.0', location, relativeLocation: PACK, metadata: {} })
  writeFileSync(list, JSON.stringify(known))
}
