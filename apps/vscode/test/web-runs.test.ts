import { expect, test } from 'vitest'
import type { EngineClient } from '../src/engine-client/index.ts'
import { watchEngineRuns } from '../src/host/web/watch-runs.ts'
import { until } from './helpers/until.ts'

test('runs are told of when they change, and when the engine has them no more', async () => {
  let runs = [
    { id: 'a', state: 'running' },
    { id: 'b', state: 'done' },
  ]
  const client = { pid: 0, request: async () => ({ runs }) } as unknown as EngineClient
  const told: string[] = []
  const watch = watchEngineRuns(client)('/place', ({ id, state }) => told.push(`${id} ${state}`), {
    everyMs: 5,
    onGone: id => told.push(`${id} gone`),
  })
  await until(() => told.length === 2)
  runs = [{ id: 'a', state: 'done' }]
  await until(() => told.length === 4)
  watch.close()
  expect(told).toEqual(['b done', 'a running', 'a done', 'b gone'])
})

test('a run that one list lacks is not gone', async () => {
  const lists = [['a'], [], ['a'], [], ['a'], []]
  let asked = 0
  const request = async () => ({ runs: (lists[asked++] ?? []).map(id => ({ id, state: 'done' })) })
  const told: string[] = []
  const watch = watchEngineRuns({ pid: 0, request } as unknown as EngineClient)('/place', ({ id }) => told.push(id), {
    everyMs: 5,
    onGone: id => told.push(`${id} gone after ${asked}`),
  })
  await until(() => asked > lists.length + 2)
  watch.close()
  expect(told).toEqual(['a', 'a gone after 7'])
})
