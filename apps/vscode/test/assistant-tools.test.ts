import { expect, test, vi } from 'vitest'
import type { EngineClient } from '../src/engine-client/index.ts'
import { assistantTools } from '../src/host/assistants/tools.ts'
import { runsWorkbench as workbench } from './helpers/fake-runs-workbench.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-runs-workbench.ts')).fakeRunsVscode)

test.for(['sinter_plan', 'sinter_estimate'])('%s tells of a run under the settings', async name => {
  workbench.folder = '/place'
  const asked: unknown[] = []
  const client = {
    async request(...given: unknown[]) {
      asked.push(given)
      return { diagnostics: [] }
    },
  }
  const input = { model: 'm', recipe: { version: 1, steps: [] } }
  await assistantTools[name]!.run(client as unknown as EngineClient, input, {})
  // The fake's only setting.
  expect(asked).toEqual([['plan', expect.objectContaining({ model: '/place/m', threads: 1 }), {}]])
})
