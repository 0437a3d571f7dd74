import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { demoModel, sinter, start, until, workplace } from './helpers/sinter.ts'

const { path, calibration } = workplace()
const work = ['--method', 'gptq', '--calibration', calibration, '--samples', '8', '--length', '128', '--threads', '1']
const compress = (out: string): string[] => ['compress', demoModel, ...work, '--out', path(out)]

test('the first Ctrl-C leaves a run that --resume ends with the same bytes', async () => {
  const whole = await sinter(...compress('whole'), '--quiet')
  expect(whole.code).toBe(0)

  const run = start(compress('stopped'))
  await until(run, () => existsSync(path('stopped.sinter-run/block-0000.safetensors')))
  run.child.kill('SIGINT')
  const { code, stderr } = await run.finished
  expect(code).toBe(130)
  expect(stderr).toMatch(/go on with\n {2}sinter compress .* --resume/)
  expect(existsSync(path('stopped'))).toBe(false)

  const again = await sinter(...compress('stopped'))
  expect(again.code).toBe(2)
  expect(again.stderr).toMatch(/unfinished run.*--resume/s)

  const resumed = await sinter(...compress('stopped'), '--resume')
  expect(resumed.code).toBe(0)
  const bytes = (name: string) => readFileSync(path(`${name}/model.safetensors`))
  expect(bytes('stopped').equals(bytes('whole'))).toBe(true)
  expect(existsSync(path('stopped.sinter-run'))).toBe(false)
})

test('the second Ctrl-C leaves at once', async () => {
  const run = start(compress('twice'))
  await until(run, () => existsSync(path('twice.sinter-run')))
  run.child.kill('SIGINT')
  await until(run, () => run.stderr().includes('once more'))
  run.child.kill('SIGINT')
  expect((await run.finished).code).toBe(130)
  expect(existsSync(path('twice'))).toBe(false)
})
