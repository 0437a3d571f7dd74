import { expect, test, vi } from 'vitest'
import type { RunList, ShownRun } from '../src/host/runs/run-list.ts'
import { untilRun } from '../src/host/runs/until-run.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-runs-workbench.ts')).fakeRunsVscode)

test('whoever waits for a run is told that its record was removed, and of no other', async () => {
  const shown = (id: string) => ({ workspace: '/place', run: { id, out: `/place/${id}` } }) as unknown as ShownRun
  const listeners = new Set<(shown: ShownRun) => void>()
  const listen = (listener: (shown: ShownRun) => void) => {
    listeners.add(listener)
    return { dispose: () => void listeners.delete(listener) }
  }
  const runs = { find: () => undefined, onChange: () => ({ dispose() {} }), onGone: listen } as unknown as RunList
  const waiting = untilRun(runs, 'mine', () => false)
  for (const id of ['other', 'mine']) for (const tell of listeners) tell(shown(id))
  await expect(waiting).rejects.toThrow('The record of mine was removed.')
  expect(listeners.size).toBe(0)
})
