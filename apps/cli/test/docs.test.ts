import { readFileSync, writeFileSync } from 'node:fs'
import { formats, loadTrainRecipe, methods, presets, trainMethods } from '@sinter/engine'
import { families } from '@sinter/model'
import { describe, expect, test } from 'vitest'
import { exitCodes } from '../src/failure.ts'
import { createProgram } from '../src/program.ts'
import { workplace } from './helpers/sinter.ts'

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')

const { path } = workplace()

describe('README', () => {
  const readme = read('README.md')

  test('names every method with its kind and paper, and no other', () => {
    const rows = [...readme.matchAll(/^\| `(\w+)` \| (weight|transform) \|.*\| ([^|]+) \|$/gm)].map(row =>
      row.slice(1, 4),
    )
    const known = methods.map(({ name, kind, paper }) => [name, kind, paper])
    expect(rows.sort()).toEqual(known.sort())
  })

  test('names every method that trains', () => {
    const rows = [...readme.matchAll(/^\| (.*?) \| train \|/gm)].flatMap(([, names]) => names!.split(', '))
    expect(rows.sort()).toEqual(trainMethods.map(({ name }) => `\`${name}\``).sort())
  })

  test.each(presets.map(preset => preset.name))('names the preset %s', name => {
    expect(readme).toContain(`\`${name}\``)
  })

  test('names every family, and every type that a GGUF can be written in', () => {
    const named = /\*\*Families:\*\*([^.]*)\./.exec(readme)?.[1]
    expect(named?.split(',').map(name => name.trim())).toEqual(families.map(family => family.name))
    const written = /\*\*Writes\*\*(.*?)\.\s/s.exec(readme)?.[1]
    for (const type of formats.find(format => format.name === 'gguf')!.types) expect(written).toContain(type)
  })
})

describe('docs/cli.md', () => {
  const page = read('docs/cli.md')

  test.each(createProgram().commands.map(command => command.name()))('has a row for %s', name => {
    expect(page).toMatch(new RegExp(`^\\| \`${name}[ \`]`, 'm'))
  })

  test('lists the exit codes that there are', () => {
    const listed = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code))
    expect(listed).toEqual(Object.values(exitCodes))
  })

  test.each(['docs/cli.md', 'docs/training.md'])('%s speaks of flags that there are', file => {
    const { commands } = createProgram()
    const flags = [...commands, ...commands.flatMap(command => command.commands)].flatMap(command =>
      command.options.map(option => option.long),
    )
    for (const [flag] of read(file).matchAll(/--[a-z][a-z-]*/g))
      expect([...flags, '--help', '--silent']).toContain(flag)
  })
})

test('the recipe in docs/training.md is one', async () => {
  const [, text] = /```yaml\n([\s\S]*?)```/.exec(read('docs/training.md'))!
  writeFileSync(path('recipe.yaml'), text!)
  expect(await loadTrainRecipe(path('recipe.yaml'))).toMatchObject({ steps: 200, backbone: { method: 'nf4' } })
})
