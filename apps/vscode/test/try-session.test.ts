import { expect, test } from 'vitest'
import { trySession } from '../src/host/try/try-session.ts'
import { firstDifference } from '../src/shared/first-difference.ts'
import type { ToTry } from '../src/shared/try-messages.ts'
import { visibleLines } from '../src/shared/visible-text.ts'
import { demoModel, engineClient, workplace } from './engine-setup.ts'
import { makeEndless } from './helpers/endless-model.ts'
import { until } from './helpers/until.ts'

const { path } = workplace()
const models = { original: { path: demoModel, name: 'a' }, compressed: { path: demoModel, name: 'b' } }

test('what is no message of the page reaches no model', async () => {
  const posted: ToTry[] = []
  const client = engineClient()
  const session = trySession(client, models, message => posted.push(message))
  const good = { type: 'continue', prompt: 'a', tokens: 1, temperature: 0 }
  for (const message of [
    null,
    'continue',
    { type: 'toString' },
    { ...good, prompt: 'x'.repeat(2 ** 16 + 1) },
    { ...good, tokens: 1e9 },
    { ...good, tokens: 1.5 },
    { ...good, temperature: -1 },
    { ...good, temperature: Number.NaN },
  ])
    session.receive(message)
  expect(posted).toEqual([])
  expect(client.pid).toBeUndefined()
})

test('a second continuation waits for nobody: while one is made it is passed over; closing ends it', async () => {
  const posted: ToTry[] = []
  const endless = { ...models, original: { path: makeEndless(demoModel, path('endless')), name: 'a' } }
  const session = trySession(engineClient(), endless, message => posted.push(message), { threads: 1 })
  session.receive({ type: 'continue', prompt: 'The', tokens: 4096, temperature: 0 })
  await until(() => posted.some(({ type }) => type === 'piece'))
  session.receive({ type: 'continue', prompt: 'Other', tokens: 1, temperature: 0 })
  expect(posted.filter(({ type }) => type === 'running')).toEqual([{ type: 'running', running: true }])
  session.dispose()
  await until(() => posted.at(-1)?.type === 'running')
  expect(posted.at(-2)).toMatchObject({ type: 'side', which: 'original', side: { state: 'stopped' } })
})

test('texts part between characters, never inside of one', () => {
  expect(firstDifference('abc', 'abc')).toBeUndefined()
  expect(firstDifference('abc', 'abd')).toBe(2)
  expect(firstDifference('ab', 'abc')).toBe(2)
  expect(firstDifference('', 'a')).toBe(0)
  // The same first half of two different characters.
  expect(firstDifference('a\u{1f600}', 'a\u{1f601}')).toBe(1)
})

test('written text keeps its lines, and hides nothing', () => {
  expect(visibleLines('a\n\tb')).toBe('a\n\tb')
  expect(visibleLines('a\u202eb\u0000')).toBe('a⟨U+202E⟩b⟨U+0000⟩')
})
