import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { demoModel, sinter, start, workplace } from './helpers/sinter.ts'

const { path, calibration, evaluation } = workplace()
const rtn = ['compress', demoModel, '--method', 'rtn']

const usage: readonly [title: string, args: readonly string[], says: RegExp][] = [
  ['no command that exists', ['comress'], /Did you mean compress/],
  ['an unknown option', ['eval', demoModel, '--text', 'a', '--windws', '1'], /Did you mean --windows/],
  ['a missing argument', ['inspect'], /missing required argument 'model'/],
  ['a missing option', ['eval', demoModel], /--text/],
  ['a number that is none', [...rtn, '--bits', 'four', '--out', path('a')], /whole number from 1 to 16/],
  ['bits out of the range of the method', [...rtn, '--bits', '9', '--out', path('a')], /bits.*8/s],
  ['both kinds of grid', [...rtn, '--symmetric', '--asymmetric', '--out', path('a')], /cannot be used with/],
  ['neither method nor recipe', ['compress', demoModel, '--out', path('a')], /--method NAME.*--recipe/],
  ['an unknown method', ['compress', demoModel, '--method', 'gtpq', '--out', path('a')], /did you mean "gptq"/],
  ['an unknown preset', ['plan', demoModel, '--recipe', 'balanced2'], /did you mean "balanced"/],
  ['an unknown format', [...rtn, '--format', 'gguf:Q9_9', '--out', path('a')], /Q4_0/],
  ['an option that the method lacks', [...rtn, '--sparsity', '0.5', '--out', path('a')], /sparsity/],
  [
    'a method option beside a recipe',
    ['plan', demoModel, '--recipe', 'fast', '--bits', '3'],
    /--bits goes with --method/,
  ],
  ['--set without a value', [...rtn, '--set', 'damping', '--out', path('a')], /key=value/],
  ['a command without the one inside', ['data'], /sinter data inspect/],
  ['an unknown command inside a command', ['data', 'inspct'], /Did you mean inspect/],
  ['a missing option of a command inside a command', ['data', 'inspect', 'x'], /--model.*sinter data inspect --help/s],
  ['an unknown data format', ['data', 'inspect', 'x', '--model', demoModel, '--format', 'csv'], /prompt-completion/],
  ['no model anywhere', ['plan', '--recipe', 'fast'], /which model/],
]

describe('2: the command line makes no sense', () => {
  test.each(usage)('%s', async (_title, args, says) => {
    const { code, stdout, stderr } = await sinter(...args)
    expect(stderr).toMatch(says)
    expect(code).toBe(2)
    expect(stdout).toBe('')
  })
})

const gptq = ['compress', demoModel, '--method', 'gptq', '--out', path('a')]

const input: readonly [title: string, args: readonly string[], says: RegExp][] = [
  ['no such model', ['inspect', path('nothing')], /nothing: no such file or folder/],
  ['no such text', ['eval', demoModel, '--text', path('nothing.txt')], /--text .*nothing\.txt: no such file/],
  ['a folder as text', ['eval', demoModel, '--text', path('.')], /a folder/],
  [
    'a text shorter than a window',
    ['eval', demoModel, '--text', evaluation, '--length', '100000'],
    /too short.*100000/s,
  ],
  ['no calibration text', gptq, /--calibration FILE/],
  ['calibration text that is missing', [...gptq, '--calibration', path('nothing.txt')], /nothing\.txt: no such file/],
  ['too little calibration text', [...gptq, '--calibration', calibration, '--samples', '4096'], /tokens.*4096/s],
  ['no such recipe', ['plan', demoModel, '--recipe', path('no.yaml')], /no\.yaml/],
  ['no such training data', ['data', 'inspect', path('no.jsonl'), '--model', demoModel], /no\.jsonl: no such file/],
  [
    'tokens that are no safetensors',
    ['logits', demoModel, '--tokens', calibration, '--out', path('l')],
    /calibration\.txt/,
  ],
]

describe('3: what was given to read is no good', () => {
  test.each(input)('%s', async (_title, args, says) => {
    const { code, stderr } = await sinter(...args)
    expect(stderr).toMatch(says)
    expect(code).toBe(3)
  })

  test('an empty calibration text', async () => {
    writeFileSync(path('empty.txt'), '\n')
    const { code, stderr } = await sinter(...gptq, '--calibration', path('empty.txt'))
    expect(stderr).toMatch(/empty\.txt is empty/)
    expect(code).toBe(3)
  })

  test('an unknown family, with the nearest', async () => {
    mkdirSync(path('alien'))
    writeFileSync(path('alien/config.json'), JSON.stringify({ model_type: 'lama' }))
    writeFileSync(path('alien/model.safetensors'), Buffer.from('0200000000000000' + '7b7d', 'hex'))
    const { code, stderr } = await sinter('inspect', path('alien'))
    expect(stderr).toMatch(/llama/)
    expect(code).toBe(3)
  })
})

describe('4: no room or no permission', () => {
  test('the output exists and is not empty', async () => {
    mkdirSync(path('full'))
    writeFileSync(path('full/mine.txt'), 'mine')
    const { code, stderr } = await sinter(...rtn, '--out', path('full'))
    expect(stderr).toMatch(/exists and is not empty/)
    expect(code).toBe(4)
  })

  test('the output lies inside the input', async () => {
    const { code, stderr } = await sinter(...rtn, '--out', join(demoModel, 'small'))
    expect(stderr).toMatch(/inside the input/)
    expect(code).toBe(4)
  })

  test.each(['small', 'small.gguf'])('the output would lie in a file: %s', async name => {
    writeFileSync(path('file'), '')
    const { code, stderr } = await sinter(...rtn, '--format', formatOf(name), '--out', join(path('file'), name))
    expect(stderr).toMatch(/file is a file/)
    expect(code).toBe(4)
  })

  // Root may write into any folder: then there is nothing to refuse.
  if (process.getuid?.() === 0) test('left out: a read-only folder, which root may write into', () => {})
  else
    test('the folder is read-only', async () => {
      mkdirSync(path('locked'), { mode: 0o500 })
      const { code, stderr } = await sinter(...rtn, '--out', path('locked/small'))
      expect(stderr).toMatch(/read-only/)
      expect(code).toBe(4)
    })
})

const formatOf = (name: string): string => (name.endsWith('.gguf') ? 'gguf:Q8_0' : 'hf')

test('an error is a message, and with SINTER_DEBUG also its stack', async () => {
  const plain = await sinter('inspect', path('nothing'))
  const debug = await start(['inspect', path('nothing')], { SINTER_DEBUG: '1' }).finished
  expect(plain.stderr.trim().split('\n')).toHaveLength(1)
  expect(debug.stderr).toMatch(/\n\s+at /)
})
