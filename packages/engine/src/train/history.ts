import { appendFile, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { atomicWriteFile, type TrainEvent } from '@sinter/model'
import { z } from 'zod'

const terms = z.record(z.string(), z.number())

const stepSchema = z.object({
  type: z.literal('step'),
  step: z.int().min(1),
  terms,
  gradientNorm: z.number(),
  learningRate: z.number(),
  tokens: z.number(),
  seconds: z.number(),
})

const evaluationSchema = z.object({ type: z.literal('evaluated'), step: z.int().min(0), terms })

const entrySchema = z.union([stepSchema, evaluationSchema])

export type HistoryStep = Omit<Extract<TrainEvent, { type: 'step' }>, 'type' | 'steps'>
export type HistoryEvaluation = Omit<Extract<TrainEvent, { type: 'evaluated' }>, 'type' | 'best'>

/** What a run went through, from its first step on. */
export interface TrainHistory {
  readonly steps: readonly HistoryStep[]
  /** Held-out terms; those of step 0 are from before the first. */
  readonly evaluations: readonly HistoryEvaluation[]
}

/** The same, kept beside the checkpoints: a run that is resumed knows how it began. */
export interface HistoryFile extends TrainHistory {
  add(event: TrainEvent): void
  /** Makes what was added durable; called before a checkpoint, which must not know more. */
  flush(): Promise<void>
}

/**
 * @param last step of the checkpoint that the run goes on from, or undefined when it begins: what the file has beyond is taken
 * again
 */
export async function openHistory(folder: string, last: number | undefined): Promise<HistoryFile> {
  const path = join(folder, 'history.jsonl')
  const kept = last === undefined ? [] : (await linesOf(path)).filter(line => (stepOf(line) ?? Infinity) <= last)
  await atomicWriteFile(path, kept.map(line => `${line}\n`).join(''))
  const steps: HistoryStep[] = []
  const evaluations: HistoryEvaluation[] = []
  const take = (entry: z.infer<typeof entrySchema>): void => {
    const { type, ...rest } = entry
    if (type === 'step') return void steps.push(rest as HistoryStep)
    // A run that was killed between this look and the next checkpoint looks again.
    if (evaluations.at(-1)?.step === rest.step) evaluations.pop()
    evaluations.push(rest)
  }
  for (const line of kept) take(entrySchema.parse(JSON.parse(line)))
  let pending = ''
  return {
    steps,
    evaluations,
    add(event) {
      const entry = entrySchema.safeParse(event)
      if (!entry.success) return
      take(entry.data)
      pending += `${JSON.stringify(entry.data)}\n`
    },
    async flush() {
      await appendFile(path, pending, { flush: true })
      pending = ''
    },
  }
}

async function linesOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    // A run that has just begun has none; whatever else is wrong is not hidden.
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.split('\n').filter(line => line !== '')
}

/** undefined for a line that a kill cut short. */
function stepOf(line: string): number | undefined {
  try {
    return entrySchema.parse(JSON.parse(line)).step
  } catch {
    return undefined
  }
}
