import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { worldQuestions, worldText } from '@sinter/eval/world'
import type { DemoFlags } from '../commands/demo.ts'
import { progressMode } from '../flags.ts'
import { interruptible } from '../interrupt.ts'
import { print, printJson } from '../print.ts'
import { createProgress, type Progress } from '../terminal/progress.ts'
import { demoRecipes } from './demo-recipes.ts'
import { type DemoResult, type DemoTexts, runRecipe } from './run-recipe.ts'
import { type StudentResult, scoreStudent } from './score-student.ts'
import { showContinuations, showTable } from './show-demo.ts'

/** Above both src and dist. */
const asset = (name: string): string => fileURLToPath(new URL(`../../assets/${name}`, import.meta.url))
const modelFolder = asset('demo-model')

/** Compresses the embedded model by three recipes, compares them and its student, and leaves reports and a GGUF file. */
export async function runDemo(flags: DemoFlags): Promise<void> {
  const silent = flags.json || flags.quiet
  if (!silent) print(introduction)
  const progress = createProgress({ mode: progressMode(flags) })
  const { recipes, student } = await interruptible(
    signal => runAll(flags, progress, signal),
    () => `the demo was not finished; what it made so far is in ${flags.out}`,
  )
  if (flags.json) printJson({ model: modelFolder, out: flags.out, recipes, student })
  else if (!flags.quiet)
    print([showTable(recipes, student), showContinuations(recipes, student), epilogue(recipes)].join('\n\n'))
}

const introduction = `A small LLaMA (3.4 M parameters) that was trained on stories, questions and sums of a made-up world
is compressed in three ways, and stands beside a model of a quarter of its size that learned from it. Calibration and
measurement use texts that have nothing in common.
`

interface DemoResults {
  readonly recipes: readonly DemoResult[]
  readonly student: StudentResult
}

async function runAll({ out, threads }: DemoFlags, progress: Progress, signal: AbortSignal): Promise<DemoResults> {
  await mkdir(out, { recursive: true })
  const job = { model: modelFolder, texts: await writeTexts(out), threads, progress, signal }
  const recipes: DemoResult[] = []
  for (const recipe of demoRecipes) {
    const path = join(out, recipe.file)
    // The demo may be run again: what it left behind is its own.
    for (const old of [path, `${path}.sinter-run`]) await rm(old, { recursive: true, force: true })
    recipes.push(await runRecipe(recipe, { ...job, path }))
  }
  return { recipes, student: await scoreStudent(asset('demo-student'), job) }
}

/** Texts of both halves of the world, and a prompt from the half that nothing was calibrated on. */
async function writeTexts(out: string): Promise<DemoTexts> {
  const { atomicWriteFile } = await import('@sinter/model')
  const calibration = join(out, 'calibration.txt')
  const evaluation = join(out, 'evaluation.txt')
  await atomicWriteFile(calibration, worldText({ seed: 'calibration', characters: 60_000, half: 'calibration' }))
  await atomicWriteFile(evaluation, worldText({ seed: 'evaluation', characters: 40_000, half: 'evaluation' }))
  // The second is a sum that the original gets right, so that one sees what a recipe keeps.
  const [, question] = worldQuestions({ seed: 'prompt', count: 2, kind: 'sums', half: 'evaluation' })
  return { calibration, evaluation, prompt: question!.prompt }
}

function epilogue(results: readonly DemoResult[]): string {
  const gguf = results.find(({ path }) => path.endsWith('.gguf'))
  return `Reports, to open in a browser:
${results.map(({ report }) => `  ${report}`).join('\n')}
A GGUF file for llama.cpp and what is built on it:
  llama-cli -m ${gguf?.path} -p "Once there was a" -n 64
The same for a model of yours:
  sinter compress ./model --recipe q4_0 --calibration text.txt --out small.gguf`
}
