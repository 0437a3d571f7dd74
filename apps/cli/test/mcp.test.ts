import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { sinter, workplace } from './helpers/sinter.ts'

const { path } = workplace()
const program = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const demo = fileURLToPath(new URL('../assets/demo-model', import.meta.url))
const open: Client[] = []

beforeAll(() => {
  mkdirSync(path('room'))
  cpSync(demo, path('room/model'), { recursive: true })
  writeFileSync(
    path('room/text.txt'),
    'Anna took the red apple to the garden, and Ben ate it under the old tree. '.repeat(200),
  )
})
afterEach(async () => {
  for (const client of open.splice(0)) await client.close()
})

/** The real program, and a client that others wrote. */
async function connect(answer?: boolean): Promise<Client> {
  const client = new Client(
    { name: 'test', version: '1' },
    { capabilities: answer === undefined ? {} : { elicitation: { form: {} } } },
  )
  if (answer !== undefined)
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept' as const, content: { start: answer } }))
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: ['--conditions=@sinter/source', program, 'mcp', path('room')],
      stderr: 'inherit',
    }),
  )
  open.push(client)
  return client
}

interface Called {
  readonly isError?: boolean
  readonly structuredContent?: Record<string, unknown>
  readonly content: readonly { readonly type: string; readonly text?: string }[]
}

const call = async (client: Client, name: string, given: Record<string, unknown>): Promise<Called> =>
  (await client.callTool({ name, arguments: given })) as Called

const textOf = ({ content }: Called): string => content.map(({ text = '' }) => text).join('\n')

const rtn = { version: 1, steps: [{ method: 'rtn', bits: 4 }], output: { format: 'gguf:Q4_0' } }

describe('the server for assistants', { timeout: 120_000 }, () => {
  test('lists its tools: which of them change nothing, and what they answer with', async () => {
    const { tools } = await (await connect()).listTools()
    const readOnly = Object.fromEntries(tools.map(({ name, annotations }) => [name, annotations?.readOnlyHint]))
    expect(readOnly).toEqual({ inspect: true, explain: true, plan: true, estimate: true, run: false, compare: true })
    for (const tool of tools) expect(tool.outputSchema?.type, tool.name).toBe('object')
  })

  test('inspect, explain, plan and estimate say what the command line says', async () => {
    const client = await connect()
    const seen = await call(client, 'inspect', { model: 'model', tensors: 'down_proj' })
    expect(seen.structuredContent).toMatchObject({ family: 'llama', blocks: 4, more: 0 })
    expect(seen.structuredContent?.tensors).toHaveLength(4)

    const gptq = await call(client, 'explain', { name: 'gptq' })
    expect(gptq.structuredContent).toMatchObject({
      entries: [{ kind: 'method: weight', options: { bits: {} } }, { kind: 'format' }],
    })
    expect(textOf(await call(client, 'explain', { name: 'gptk' }))).toContain('gptq')

    const given = { model: 'model', recipe: rtn }
    const plan = await call(client, 'plan', given)
    const { code, stdout } = await sinter(
      'plan',
      path('room/model'),
      '--method',
      'rtn',
      '--bits',
      '4',
      '--format',
      'gguf:Q4_0',
      '--json',
    )
    expect(code).toBe(0)
    const theirs = JSON.parse(stdout) as { averageBitsPerWeight: number; estimate: { outputBytes: number } }
    const numbers = { averageBits: theirs.averageBitsPerWeight, outputBytes: theirs.estimate.outputBytes }
    expect(plan.structuredContent).toMatchObject(numbers)
    expect((await call(client, 'estimate', given)).structuredContent).toMatchObject(numbers)
  })

  test('run: without a person nothing starts; with a token, once, it gives the command line’s bytes', async () => {
    const client = await connect()
    const given = { model: 'model', recipe: rtn, out: 'small.gguf' }
    const asked = await call(client, 'run', given)
    expect(asked.structuredContent).toMatchObject({ state: 'needs-confirmation', format: 'gguf:Q4_0' })
    const confirmation = String(asked.structuredContent!.confirmation)
    for (const other of [
      { ...given, out: 'other.gguf', confirmation },
      { ...given, confirmation: '00'.repeat(16) },
    ])
      expect((await call(client, 'run', other)).structuredContent?.state).toBe('needs-confirmation')
    expect([existsSync(path('room/small.gguf')), existsSync(path('room/other.gguf'))]).toEqual([false, false])

    // Asking again for the same made another token; that one counts.
    const again = await call(client, 'run', given)
    const progress: number[] = []
    const done = (await client.callTool(
      { name: 'run', arguments: { ...given, confirmation: again.structuredContent!.confirmation } },
      { onprogress: ({ progress: step }) => progress.push(step) },
    )) as Called
    expect(textOf(done)).toContain('small.gguf')
    expect(done.structuredContent).toMatchObject({ state: 'done' })
    expect(progress.length).toBeGreaterThan(0)
    await sinter(
      'compress',
      path('room/model'),
      '--method',
      'rtn',
      '--bits',
      '4',
      '--format',
      'gguf:Q4_0',
      '--out',
      path('cli.gguf'),
    )
    expect(readFileSync(path('room/small.gguf')).equals(readFileSync(path('cli.gguf')))).toBe(true)

    const compared = await call(client, 'compare', {
      original: 'model',
      model: 'small.gguf',
      text: 'text.txt',
      windows: 1,
      length: 64,
    })
    expect(compared.structuredContent).toMatchObject({ original: { bitsPerWeight: expect.closeTo(16, 0) } })
    expect(compared.structuredContent!.klDivergence).toBeGreaterThan(0)
    // What is there is never written over.
    const over = await call(client, 'run', given)
    expect(over.isError).toBe(true)
    expect(textOf(over)).toContain('exists')
  })

  test('a client that can ask its user is asked to; no is no', async () => {
    const given = { model: 'model', recipe: rtn, out: 'asked.gguf' }
    await call(await connect(false), 'run', given).catch(() => {})
    expect(existsSync(path('room/asked.gguf'))).toBe(false)
    const yes = await call(await connect(true), 'run', given)
    expect(yes.structuredContent?.state).toBe('done')
    expect(existsSync(path('room/asked.gguf'))).toBe(true)
  })

  test('what lies outside of its folders is not there, whatever a path looks like', async () => {
    const client = await connect()
    symlinkSync(demo, path('room/link'))
    for (const model of ['../room/../..', '/etc', demo, 'link', 'none'])
      expect(textOf(await call(client, 'inspect', { model })), model).toContain('only places')
    for (const out of ['../out.gguf', '/tmp/out.gguf', 'link/out.gguf'])
      expect(textOf(await call(client, 'run', { model: 'model', recipe: rtn, out })), out).toContain('only places')
    const text = await call(client, 'plan', { model: 'model', recipe: 'q4_0', calibration: '/etc/passwd' })
    expect(textOf(text)).toContain('only places')
    const shape = await call(client, 'plan', { model: 'model', recipe: 7 }).catch((error: Error) => ({
      isError: true,
      content: [{ type: 'text', text: error.message }],
    }))
    expect(shape.isError).toBe(true)
  })
})
