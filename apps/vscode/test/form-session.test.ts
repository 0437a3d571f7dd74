import { expect, test } from 'vitest'
import { type FormSource, formSession } from '../src/host/form/form-session.ts'
import type { ToForm } from '../src/shared/form-messages.ts'

const text = '{ "version": 1, "steps": [{ "method": "rtn" }] }'

function opened(apply: FormSource['apply']) {
  const posted: ToForm[] = []
  const source: FormSource = {
    schema: async () => ({}),
    text: () => text,
    version: () => 1,
    marks: () => [],
    canRun: () => true,
    apply,
    act() {},
    showText() {},
  }
  return { posted, session: formSession(source, message => posted.push(message)) }
}

const change = (value: string) => ({
  type: 'change',
  version: 1,
  change: { type: 'set', path: ['model'], value },
})

test('a change that could not be made is answered too, or the page would wait for ever', async () => {
  const { posted, session } = opened(() => Promise.reject(new Error('read-only')))
  await expect(session.receive(change('m'))).rejects.toThrow('read-only')
  expect(posted).toMatchObject([{ type: 'recipe', answers: 'late' }])
})

test('so is one that is refused unread, and the next one is made', async () => {
  const made: unknown[] = []
  const { posted, session } = opened(async edits => void made.push(edits))
  await session.receive(change('x'.repeat(70_000)))
  expect([posted, made]).toMatchObject([[{ answers: 'late' }], []])
  await session.receive(change('m'))
  expect(posted).toMatchObject([{ answers: 'late' }, { answers: 'done' }])
  expect(made.length).toBe(1)
})
