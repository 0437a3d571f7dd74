import { describe, expect, test } from 'vitest'
import { createProgram } from '../src/program.ts'
import { sinter, start } from './helpers/sinter.ts'

const names = [
  'inspect',
  'plan',
  'compress',
  'convert',
  'imatrix',
  'finetune',
  'distill',
  'train',
  'mcp',
  'merge',
  'eval',
  'compare',
  'generate',
  'data',
  'logits',
  'verify',
  'runs',
  'methods',
  'schema',
  'demo',
]

test('there are these commands and no others', () => {
  expect(
    createProgram()
      .commands.map(command => command.name())
      .sort(),
  ).toEqual([...names].sort())
})

test.each(names)('sinter %s --help shows an example that begins with sinter, and has --json', async name => {
  const { code, stdout } = await sinter(name, '--help')
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`Examples?:\n {2}sinter ${name}`))
  // What mcp speaks is JSON anyway.
  if (name !== 'mcp') expect(stdout).toContain('--json')
})

test('a command inside a command explains itself the same way', async () => {
  const { code, stdout } = await sinter('data', 'inspect', '--help')
  expect(code).toBe(0)
  expect(stdout).toMatch(/Examples:\n {2}sinter data inspect/)
  expect(stdout).toContain('--json')
})

test('help and version need none of the packages that compute', async () => {
  // A module that is loaded for help is loaded by every command; the engine and ONNX Runtime take far longer than help.
  const loaded = await loadedModules()
  expect(loaded.filter(url => /packages\/|onnxruntime|zod/.test(url))).toEqual([])
  expect(loaded.some(url => url.endsWith('src/program.ts'))).toBe(true)
})

async function loadedModules(): Promise<string[]> {
  const hook = `import { registerHooks } from 'node:module'
registerHooks({ load(url, context, next) { process.stderr.write('LOADED ' + url + '\\n'); return next(url, context) } })`
  const url = `data:text/javascript,${encodeURIComponent(hook)}`
  const { stderr } = await start(['--help'], { NODE_OPTIONS: `--import=${url}` }).finished
  return stderr
    .split('\n')
    .filter(line => line.startsWith('LOADED '))
    .map(line => line.slice(7))
}

describe('colour', () => {
  const colour = '\u001b['

  test('none where there is no terminal', async () => {
    const { stdout, stderr } = await sinter('--help')
    expect(stdout + stderr).not.toContain(colour)
  })

  test('some when it is forced', async () => {
    const { stderr } = await start(['inspect', 'no-such-model'], { FORCE_COLOR: '1' }).finished
    expect(stderr).toContain(colour)
  })

  test('NO_COLOR wins', async () => {
    const { stderr } = await start(['inspect', 'no-such-model'], { FORCE_COLOR: '1', NO_COLOR: '1' }).finished
    expect(stderr).not.toContain(colour)
  })
})
