import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Job } from './series.ts'

const assets = join(import.meta.dirname, '../../../apps/cli/assets/demo-model')

/** Twelve small steps of the embedded model with a checkpoint every three, and looks at the held-out loss in between. */
export function trainJob(folder: string, name: string, method: 'lora' | 'full'): Job {
  const text = join(folder, 'sums.txt')
  const sum = (a: number, b: number) => `Question: What is ${a} + ${b}?\nAnswer: ${a + b}`
  writeFileSync(text, Array.from({ length: 60 }, (_, i) => sum(i % 9, i % 7)).join('\n\n'))
  const recipe = join(folder, `${method}.json`)
  writeFileSync(
    recipe,
    JSON.stringify({
      version: 1,
      model: assets,
      method: { name: method },
      data: { path: text, separator: '', length: 48, heldOut: 0.1 },
      steps: 12,
      batch: 2,
      saveEvery: 3,
      evaluateEvery: 4,
      patience: 3,
      learningRate: 1e-3,
    }),
  )
  return { args: ['train', recipe, '--threads', '1'], out: join(folder, name) }
}
