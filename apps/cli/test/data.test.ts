import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type DataStatistics, dataFormats } from '@sinter/model'
import { beforeAll, describe, expect, test } from 'vitest'
import { createProgram } from '../src/program.ts'
import { demoModel, sinter, sinterJson, workplace } from './helpers/sinter.ts'

const { path, calibration } = workplace()
const chatty = path('chatty')

beforeAll(() => {
  cpSync(demoModel, chatty, { recursive: true })
  writeFileSync(
    `${chatty}/chat_template.jinja`,
    "{% for m in messages %}{{ m.role + ': ' + m.content + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant:' }}{% endif %}",
  )
})

const lines = (...records: unknown[]) => records.map(record => `${JSON.stringify(record)}\n`).join('')

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const pipe = (input: string, ...args: string[]) =>
  spawnSync(process.execPath, ['--conditions=@sinter/source', main, ...args], { input, encoding: 'utf8' })

describe('sinter data inspect', () => {
  test('counts a text by its separator, from a file and from a pipe', async () => {
    const stories = ['Tom went home.', 'Mia saw a bird. It sang.', 'Tom went home.']
    writeFileSync(path('stories.txt'), stories.join('\n<|end|>\n'))
    const flags = ['--model', demoModel, '--separator', '<|end|>', '--length', '16']
    const found = await sinterJson<DataStatistics>('data', 'inspect', path('stories.txt'), ...flags)
    expect(found).toMatchObject({ documents: 3, duplicates: 1, truncated: 0, skipped: 0, length: 16 })
    expect(found.targets).toBe(found.tokens - 3)
    expect(found.example.runs).toEqual([{ text: 'Tom went home.<|end|>', tokens: found.example.tokens, learnt: true }])
    const without = await sinterJson<DataStatistics>('data', 'inspect', path('stories.txt'), ...flags, '--no-eos')
    expect(without.tokens).toBe(found.tokens - 3)
    const { status, stdout } = pipe(stories.join('\n<|end|>\n'), 'data', 'inspect', '-', ...flags, '--json')
    expect(status).toBe(0)
    const example = { ...found.example, file: 'standard input' }
    expect(JSON.parse(stdout)).toEqual({ ...found, path: '-', example })
  })

  test('one text is one document, cut into rows of the default length', async () => {
    const found = await sinterJson<DataStatistics>('data', 'inspect', calibration, '--model', demoModel)
    expect(found.documents).toBe(1)
    expect(found.lengths).toMatchObject({ min: found.tokens, max: found.tokens })
    expect(found.truncated).toBe(Number(found.tokens > found.length))
    expect(found.rows.single).toBe(Math.ceil((found.tokens - 1) / (found.length - 1)))
  })

  test('shows what is learnt of the first example', async () => {
    const messages = [
      { role: 'user', content: 'Where is Tom?' },
      { role: 'assistant', content: 'At home.\u001b[31m' },
    ]
    writeFileSync(path('chat.jsonl'), lines({ messages }))
    const { code, stdout } = await sinter('data', 'inspect', path('chat.jsonl'), '--model', chatty)
    expect(code).toBe(0)
    expect(stdout).toMatch(/user: Where is Tom\?<\|end\|>assistant:⟦ At home\..*<\|end\|>⟧/)
    expect(stdout).toMatch(/chat\.jsonl:1/)
    // A document may hold commands to the terminal.
    expect(stdout).not.toContain('\u001b')
  })

  test('reads fields of any name, and folders', async () => {
    mkdirSync(path('set'))
    writeFileSync(
      path('set/a.jsonl'),
      lines({ q: 'Where is Tom?', a: ' At home.' }, { q: 'Where is Mia?', a: ' Here.' }),
    )
    writeFileSync(path('set/b.jsonl'), lines({ q: 'Where is Ann?', a: ' There.' }))
    const flags = [
      '--model',
      demoModel,
      '--format',
      'prompt-completion',
      '--prompt-field',
      'q',
      '--completion-field',
      'a',
    ]
    const found = await sinterJson<DataStatistics>('data', 'inspect', path('set'), ...flags)
    expect(found.documents).toBe(3)
    expect(found.example.runs.map(run => [run.text, run.learnt])).toEqual([
      ['Where is Tom?', false],
      [' At home.<|end|>', true],
    ])
  })

  test('leaves out what has nothing to learn only when asked', async () => {
    writeFileSync(path('empty.jsonl'), lines({ text: 'Tom went home.' }, { text: '' }))
    const args = ['data', 'inspect', path('empty.jsonl'), '--model', demoModel]
    const { code, stderr } = await sinter(...args)
    expect(stderr).toMatch(/empty\.jsonl:2: .*--skip-empty/)
    expect(code).toBe(3)
    expect(await sinterJson(...args, '--skip-empty')).toMatchObject({ documents: 1, skipped: 1 })
  })

  test('conversations need a template', async () => {
    writeFileSync(path('talk.jsonl'), lines({ messages: [{ role: 'assistant', content: 'Tom went home.' }] }))
    const { code, stderr } = await sinter('data', 'inspect', path('talk.jsonl'), '--model', demoModel)
    expect(stderr).toMatch(/no chat template/)
    expect(code).toBe(3)
  })

  test('offers the formats that there are', () => {
    const inspect = createProgram().commands.find(command => command.name() === 'data')!.commands[0]!
    expect(inspect.options.find(option => option.long === '--format')?.argChoices).toEqual(dataFormats)
  })
})
