import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job } from './series.ts'

const assets = join(import.meta.dirname, '../../../apps/cli/assets/demo-model')

/** GPTQ of the embedded model on a few samples: four blocks, some seconds. */
export function demoJob(folder: string, name: string, format: string): Job {
  const text = join(folder, 'calibration.txt')
  writeFileSync(
    text,
    'Once there was a baker named Tom. He lived near the river and had 3 loaves of bread. '.repeat(400),
  )
  const file = format === 'hf' ? name : `${name}.gguf`
  const args = [
    'compress',
    assets,
    '--method',
    'gptq',
    '--bits',
    '4',
    '--group-size',
    '32',
    '--calibration',
    text,
    '--samples',
    '8',
    '--length',
    '128',
    '--format',
    format,
  ]
  return { args, out: join(folder, file.replace(':', '-')) }
}
