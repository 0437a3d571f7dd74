import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { presets } from '@sinter/engine'
import { expect, test } from 'vitest'
import { app } from '../build/entries.ts'
import { formStrings } from '../src/shared/form-strings.ts'
import { reportStrings } from '../src/shared/report-strings.ts'
import { tryStrings } from '../src/shared/try-strings.ts'
import { viewerStrings } from '../src/shared/viewer-strings.ts'

const read = (path: string): string => readFileSync(join(app, path), 'utf8')
const manifest = JSON.parse(read('package.json'))
const nls = JSON.parse(read('package.nls.json')) as Record<string, string>
const { contributes } = manifest

const sources = readdirSync(join(app, 'src'), { recursive: true, encoding: 'utf8' })
  .filter(name => name.endsWith('.ts'))
  .map(name => ({ name, text: read(`src/${name}`) }))
const hostSources = sources.filter(({ name }) => name.startsWith('host') || /^extension(\.web)?\.ts$/.test(name))

const commands = (contributes.commands as { command: string }[]).map(({ command }) => command)

test('every command of the manifest is registered somewhere, and every registered one is in the manifest', () => {
  const text = hostSources.map(source => source.text).join('\n')
  const registered = new Set([...text.matchAll(/'(sinter\.[\w.]+)'/g)].map(([, name]) => name!))
  for (const command of commands) expect(registered).toContain(command)
  for (const [, name] of text.matchAll(/registerCommand\(\s*'([^']+)'/g)) expect(commands).toContain(name)
})

test('menus name commands that exist', () => {
  for (const entries of Object.values(contributes.menus as Record<string, { command: string }[]>))
    for (const { command } of entries) expect(commands).toContain(command)
})

test('every text of the manifest is in package.nls.json, and none there is left over', () => {
  const used = [...JSON.stringify(manifest).matchAll(/"%([^%"]+)%"/g)].map(([, key]) => key!)
  expect(Object.keys(nls).sort()).toEqual([...new Set(used)].sort())
})

test('the manifest has no English of its own', () => {
  const texts = JSON.stringify(contributes).matchAll(
    /"(title|description|markdownDescription|contents|displayName|name)":"([^"]*)"/g,
  )
  // Names of the program, of the matcher, which tasks refer to, and of tools, by which models call them.
  for (const [, , text] of texts) expect(text).toMatch(/^(%.*%|Sinter|sinter(_[a-z]+)?)$/)
})

test('every text of the program is in the bundle for translators, and none there is left over', () => {
  const bundle = JSON.parse(read('l10n/bundle.l10n.json')) as Record<string, string>
  const used = hostSources.flatMap(({ text }) =>
    [...text.matchAll(/l10n\.t\(\s*'((?:[^'\\]|\\.)*)'/g)].map(([, key]) => key!),
  )
  // Those of the pages are handed over one by one.
  const all = new Set([
    ...used,
    ...[viewerStrings, tryStrings, reportStrings, formStrings].flatMap(texts => Object.values<string>(texts)),
  ])
  expect(Object.keys(bundle).sort()).toEqual([...all].sort())
})

test('messages are taken from the bundle, never written in place', () => {
  const spoken = /show(?:Information|Warning|Error)Message\(\s*['`]|placeHolder: ['`]/
  for (const { name, text } of hostSources) expect(text, name).not.toMatch(spoken)
})

test('the presets of the settings are those of the engine', () => {
  expect(contributes.configuration.properties['sinter.preset'].enum).toEqual(presets.map(({ name }) => name))
})

test('a setting that names a program or a cost is not taken from an untrusted folder', () => {
  const { restrictedConfigurations } = manifest.capabilities.untrustedWorkspaces
  expect(restrictedConfigurations).toEqual([
    'sinter.nodePath',
    'sinter.threads',
    'sinter.memory',
    'sinter.parallelRuns',
  ])
  expect(contributes.configuration.properties['sinter.nodePath'].scope).toBe('machine')
})

test('files that the manifest names are there', () => {
  const named = [
    manifest.icon,
    ...contributes.viewsContainers.activitybar.map(({ icon }: { icon: string }) => icon),
    ...contributes.walkthroughs.flatMap(({ steps }: { steps: { media: { markdown: string } }[] }) =>
      steps.map(({ media }) => media.markdown),
    ),
  ]
  for (const path of named) expect(existsSync(join(app, path)), path).toBe(true)
})

test('the problem matcher reads what the command line says of a recipe', () => {
  const { regexp, file, line, message } = contributes.problemMatchers[0].pattern
  const match = new RegExp(regexp).exec('my/a.sinter.jsonc:8: steps[0].bist: unknown key "bist"')
  expect([match?.[file], match?.[line], match?.[message]]).toEqual([
    'my/a.sinter.jsonc',
    '8',
    'steps[0].bist: unknown key "bist"',
  ])
})

test('types are those of the oldest editor that is served', () => {
  expect(`^${manifest.devDependencies['@types/vscode']}`).toBe(manifest.engines.vscode)
})
