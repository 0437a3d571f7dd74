import { availableParallelism } from 'node:os'
import type { TrainRecipe, TrainResult, TrainRunEvent } from '@sinter/engine'
import { resumingCommand } from './command-line.ts'
import { finishTraining, type ReportFiles } from './finish-training.ts'
import { type OutputFlags, progressMode } from './flags.ts'
import { interruptible } from './interrupt.ts'
import { print, printJson } from './print.ts'
import { createProgress, type Progress } from './terminal/progress.ts'
import { amount, percent, short } from './terminal/units.ts'
import type { RunFlags } from './train-flags.ts'
import { describeTraining, trainingNumbers } from './training-facts.ts'

/** Trains by a checked recipe, reports, and prints the result: what `train`, `finetune` and `distill` have in common. */
export async function runTraining(recipe: TrainRecipe, out: string, flags: RunFlags & OutputFlags): Promise<void> {
  const threads = flags.threads ?? availableParallelism()
  const progress = createProgress({ mode: progressMode(flags) })
  const result = await interruptible(
    signal => train(recipe, { out, threads, signal, progress, resume: flags.resume === true }),
    () => `what is finished is kept beside the output; go on with\n  ${resumingCommand()}`,
  )
  const files = flags.report
    ? await interruptible(
        signal => finishTraining(recipe, result, { threads, signal, progress }),
        () => `${result.path} is complete; only the report about it is not`,
      )
    : undefined
  show(recipe, result, files, flags)
}

function show(recipe: TrainRecipe, result: TrainResult, files: ReportFiles | undefined, flags: OutputFlags): void {
  if (flags.json) printJson(trainingNumbers(recipe, result, files))
  else if (!flags.quiet) print(describeTraining(recipe, result, files))
}

interface TrainJob {
  readonly out: string
  readonly threads: number
  readonly resume: boolean
  readonly signal: AbortSignal
  readonly progress: Progress
}

async function train(recipe: TrainRecipe, { progress, ...options }: TrainJob): Promise<TrainResult> {
  const { trainModel } = await import('@sinter/engine')
  const losses: number[] = []
  const events = trainModel(recipe, options)
  try {
    while (true) {
      const { done, value } = await events.next()
      if (done) return value
      showEvent(value, losses, progress)
    }
  } finally {
    progress.end()
  }
}

/** @param losses of the steps so far, for the plot */
function showEvent(event: TrainRunEvent, losses: number[], progress: Progress): void {
  if (event.type === 'progress') progress.update(event.stage, event.done, event.total, event.unit)
  if (event.type === 'started') {
    progress.note(beginning(event))
    if (event.heldOutRows === 0) progress.note(nothingHeldOut(event.documents))
  }
  if (event.type === 'step') {
    const loss = event.terms.loss!
    losses.push(loss)
    progress.update('train', event.step, event.steps, 'steps', { text: `loss ${short(loss)}`, values: losses })
  }
  if (event.type === 'evaluated') progress.note(look(event))
  if (event.type === 'stopped' && event.reason === 'patience')
    progress.note(`the held-out loss falls no more; training ends after step ${event.step}`)
}

function beginning({ trained, parameters, rows, documents, steps, resumedAt }: Event<'started'>): string {
  const what = `${amount(trained)} values (${percent(trained / parameters)} of the model's) on ${rows} rows of ${documents}`
  const from = resumedAt > 0 ? `, going on after step ${resumedAt} of ${steps}` : ''
  return `training ${what} ${documents === 1 ? 'document' : 'documents'}${from}`
}

const nothingHeldOut = (documents: number): string =>
  `nothing is held out${documents === 1 ? ': all is one document; --separator names the line between two' : ''}`

type Event<Type extends TrainRunEvent['type']> = Extract<TrainRunEvent, { type: Type }>

function look({ step, terms, best }: Event<'evaluated'>): string {
  const when = step === 0 ? 'before the first step' : `after step ${step}`
  const rising = step > 0 && !best ? ', not the lowest so far' : ''
  return `held-out loss ${when}: ${short(terms.loss!)}${rising}`
}
