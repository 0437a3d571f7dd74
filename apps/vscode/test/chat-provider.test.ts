import { expect, test, vi } from 'vitest'
import type { EngineClient } from '../src/engine-client/index.ts'
import { chatProvider } from '../src/host/assistants/chat-provider.ts'
import type { RunList, ShownRun } from '../src/host/runs/run-list.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-runs-workbench.ts')).fakeRunsVscode)

test('the models to chat with change when a run is done and when it is removed, and at no other time', () => {
  type Tell = (shown: ShownRun) => void
  const tell: Record<string, Tell> = {}
  const on = (name: string) => (listener: Tell) => {
    tell[name] = listener
    return { dispose() {} }
  }
  const runs = { onChange: on('change'), onGone: on('gone') } as unknown as RunList
  const provider = chatProvider({} as EngineClient, runs)
  let changes = 0
  provider.onDidChangeLanguageModelChatInformation!(() => changes++)
  const run = (id: string, state: string) => ({ workspace: '/place', run: { id, state } }) as unknown as ShownRun
  tell.change!(run('a', 'running'))
  expect(changes).toBe(0)
  for (let i = 0; i < 2; i++) tell.change!(run('a', 'done'))
  expect(changes).toBe(1)
  tell.gone!(run('b', 'cancelled'))
  expect(changes).toBe(1)
  tell.gone!(run('a', 'done'))
  expect(changes).toBe(2)
})
