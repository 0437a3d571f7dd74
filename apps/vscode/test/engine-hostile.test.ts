import { describe, expect, test } from 'vitest'
import { isNewEnough } from '../src/engine-client/find-node.ts'
import { findNode } from '../src/engine-client/index.ts'
import { createLineReader } from '../src/shared/lines.ts'
import { engineEvent, errorCodes, MAX_REQUEST_BYTES, PROTOCOL } from '../src/shared/protocol.ts'
import { engineClient, rawEngine } from './engine-setup.ts'
import { until } from './helpers/until.ts'

describe('an engine that is written nonsense to', () => {
  const { child, write, next } = rawEngine()
  const call = (message: unknown) => write(`${JSON.stringify(message)}\n`)
  const alive = async () => {
    call({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocol: PROTOCOL, client: 'test' } })
    expect(await next()).toMatchObject({ id: 1, result: { protocol: PROTOCOL, pid: child.pid } })
  }

  test.each([
    ['malformed JSON', '{"jsonrpc": \n', { id: null, error: { code: errorCodes.parse } }],
    [
      'a batch',
      '[{"jsonrpc":"2.0","id":3,"method":"methods"}]\n',
      { id: null, error: { code: errorCodes.invalidRequest } },
    ],
    ['a number', '7\n', { id: null, error: { code: errorCodes.invalidRequest } }],
    ['no method', '{"id":3}\n', { id: 3, error: { code: errorCodes.invalidRequest } }],
    ['an unknown method', '{"id":3,"method":"rm"}\n', { id: 3, error: { code: errorCodes.unknownMethod } }],
    [
      'a method of all objects',
      '{"id":3,"method":"__proto__"}\n',
      { id: 3, error: { code: errorCodes.unknownMethod } },
    ],
    ['an id that is none', '{"id":"x","method":"methods"}\n', { id: null, error: { code: errorCodes.invalidRequest } }],
    ['no parameters', '{"id":3,"method":"inspect"}\n', { id: 3, error: { code: errorCodes.invalidParams } }],
    [
      'parameters of another kind',
      '{"id":3,"method":"inspect","params":{"path":["/etc/passwd"]}}\n',
      { id: 3, error: { code: errorCodes.invalidParams, message: expect.stringContaining('params.path') } },
    ],
    [
      'another version',
      '{"id":3,"method":"initialize","params":{"protocol":99,"client":"test"}}\n',
      { id: 3, error: { code: errorCodes.protocol, message: expect.stringContaining('99') } },
    ],
  ])('answers %s and lives on', async (_, line, answer) => {
    write(line)
    expect(await next()).toMatchObject(answer)
    await alive()
  })

  test('drops a line without end, and reads the next', async () => {
    const piece = 'x'.repeat(2 ** 20)
    for (let sent = 0; sent <= MAX_REQUEST_BYTES; sent += piece.length) write(piece)
    expect(await next()).toMatchObject({ id: null, error: { code: errorCodes.parse } })
    write('\n')
    await alive()
  })

  test('does not answer what wants no answer', async () => {
    call({ jsonrpc: '2.0', method: '$/cancel', params: { id: 'none' } })
    call({ jsonrpc: '2.0', method: 'unheard-of' })
    await alive()
  })

  test('ends with its input', async () => {
    child.stdin?.end()
    expect(await until(() => child.exitCode !== null)).toBe(true)
    expect(child.exitCode).toBe(0)
  })
})

describe('the client', () => {
  test('starts the engine again after a crash; only what was under way is lost', async () => {
    const states: string[] = []
    const engine = engineClient({ onState: state => states.push(state) })
    await engine.request('schema', { kind: 'train' })
    const first = engine.pid!
    const lost = engine.request('methods', {})
    process.kill(first, 'SIGKILL')
    await expect(lost).rejects.toMatchObject({ kind: 'crashed', message: expect.stringContaining('SIGKILL') })
    await engine.request('schema', { kind: 'train' })
    expect(engine.pid).not.toBe(first)
    expect(states).toEqual(['starting', 'ready', 'crashed', 'starting', 'ready'])
  })

  // Engines that were taught badly, in a line each: after the handshake they do what stands here.
  const badEngine = (then: string) =>
    engineClient({
      cancelMs: 50,
      silenceMs: 200,
      args: [
        '-e',
        `process.on('SIGTERM', () => {}); let asked = 0
         const say = value => process.stdout.write(JSON.stringify(value) + '\\n')
         require('readline').createInterface({ input: process.stdin }).on('line', line => {
           const { id, method } = JSON.parse(line)
           if (method === 'initialize') return say({ id, result: { protocol: 1, pid: 1, node: '1.2.3' } })
           ${then}
         }); setInterval(() => {}, 1000)`,
      ],
    })

  test('ends an engine that hears neither a cancel nor a TERM', async () => {
    const controller = new AbortController()
    const engine = badEngine('')
    const deaf = engine.request('methods', {}, { signal: controller.signal })
    const pid = await until(() => engine.pid)
    controller.abort()
    await expect(deaf).rejects.toMatchObject({ kind: 'cancelled' })
    await until(() => !isRunning(pid))
  })

  test('leaves an engine that does not hear a cancel to what it is at work on else', async () => {
    const engine = badEngine(`if (method !== 'methods') setTimeout(() => say({ id, result: { tokens: 7 } }), 500)
      setInterval(() => say({ method: '$/event', params: { type: 'heartbeat', at: 1, memoryBytes: 1 } }), 20)`)
    const controller = new AbortController()
    const other = engine.request('countTokens', { path: 'a', text: 'b' })
    const deaf = engine.request('methods', {}, { signal: controller.signal })
    await until(() => engine.pid)
    controller.abort()
    await expect(deaf).rejects.toMatchObject({ kind: 'cancelled' })
    expect(await other).toEqual({ tokens: 7 })
  })

  test('gives up after a time that was named', async () => {
    const late = badEngine(
      "setInterval(() => say({ method: '$/event', params: { type: 'heartbeat', at: 1, memoryBytes: 1 } }), 20)",
    )
    await expect(late.request('methods', {}, { timeoutMs: 100 })).rejects.toMatchObject({ kind: 'timeout' })
  })

  test('ends an engine without a sign of life', async () => {
    await expect(badEngine('').request('methods', {})).rejects.toMatchObject({ kind: 'crashed' })
  })

  test.each([
    ['no JSON', "process.stdout.write('Hello\\n')"],
    ['an answer of another shape', 'say({ id, result: { methods: 7 } })'],
    ['an event of another shape', "say({ method: '$/event', params: { type: 'text', id: 'x' } })"],
  ])('believes nothing: %s', async (_, then) => {
    await expect(badEngine(then).request('methods', {})).rejects.toMatchObject({ kind: 'protocol' })
  })

  test('an engine that never comes up is not started for ever', async () => {
    const engine = engineClient({ args: ['-e', 'console.error("no such thing"); process.exit(3)'] })
    for (let i = 0; i < 5; i++)
      await expect(engine.request('methods', {})).rejects.toThrow(/ended \(exit code 3\): no such thing/)
    await expect(engine.request('methods', {})).rejects.toThrow(/5 times/)
  })
})

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('looking for a Node', () => {
  test('takes the first that is one, and says what was wrong with the others', async () => {
    const found = await findNode([
      { path: '/nowhere/node' },
      { path: '/bin/echo' },
      { path: process.execPath, electron: true },
    ])
    expect(found).toMatchObject({
      path: process.execPath,
      version: process.versions.node,
      env: { ELECTRON_RUN_AS_NODE: '1' },
    })
    const none = findNode([{ path: '/nowhere/node' }, { path: '/bin/echo' }])
    await expect(none).rejects.toThrow(/20\.19.*\/nowhere\/node: no such program; \/bin\/echo: is no Node/)
  })

  test.each([
    ['18.20.0', false],
    ['20.18.9', false],
    ['20.19.0', true],
    ['24.0.0', true],
  ])('%s', (version, expected) => expect(isNewEnough(version)).toBe(expected))
})

test('lines are cut wherever the pieces are', () => {
  const text = '{"a":"ä"}\n\n{"b":"🙂"}\r\nlast'
  const bytes = new TextEncoder().encode(text)
  for (let size = 1; size <= bytes.length; size++) {
    const lines: string[] = []
    const read = createLineReader({
      maxBytes: 20,
      onLine: line => lines.push(line),
      onTooLong: () => lines.push('too long'),
    })
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size))
    expect(lines.map(line => line.trim())).toEqual(['{"a":"ä"}', '{"b":"🙂"}'])
  }
})

test('an event of no known kind is none', () => {
  for (const value of [null, 7, {}, { type: 'toString' }, { type: 'text', id: -1, text: '' }])
    expect(() => engineEvent(value, 'event')).toThrow(/event/)
})
