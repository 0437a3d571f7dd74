import { stat } from 'node:fs/promises'
import { type Model, openCheckpoint } from '@sinter/model'
import type { Plan } from '../plan/plan.ts'
import { formatNamed } from '../registry/formats.ts'
import { compressedSource } from './compressed-source.ts'
import type { RunResult } from './events.ts'
import { type BlockHead, folderBytes, type Journal } from './journal.ts'

export interface AssembleJob {
  readonly plan: Plan
  readonly model: Model
  readonly journal: Journal
  readonly out: string
  readonly signal?: AbortSignal | undefined
  readonly onProgress: (done: number, total: number) => void
}

/** Writes the output from a finished journal, one tensor at a time; it appears under its name when it is complete. */
export async function assemble(job: AssembleJob): Promise<Omit<RunResult, 'path' | 'timings'>> {
  const source = compressedSource(job.model, job.journal)
  const checkpoint = await openCheckpoint(job.plan.model.path)
  try {
    const { plan, out, signal, onProgress } = job
    const compressed = new Set(plan.rows.filter(row => row.action === 'compress').map(row => row.tensor))
    const { container, encoding } = plan.output
    const types = new Map(plan.rows.map(row => [row.tensor, row.stored.type]))
    const { threads } = plan
    const place = { input: plan.model.path, type: encoding, compressed, types, out, threads, signal, onProgress }
    const notes = await formatNamed(container).write(place, source, checkpoint)
    const total = await tally(job)
    return { ...total, notes: [...total.notes, ...notes], outputBytes: await bytesAt(job.out) }
  } finally {
    await checkpoint.close()
  }
}

/** Adds up what the journal says of its blocks. */
async function tally({
  journal,
  model,
}: AssembleJob): Promise<Pick<RunResult, 'layers' | 'bits' | 'weights' | 'notes'>> {
  const heads: BlockHead[] = []
  for (let block = 0; block < model.blocks; block++) heads.push(await journal.readHead(block))
  const sum = (of: (head: BlockHead) => number) => heads.reduce((total, head) => total + of(head), 0)
  return {
    layers: heads.flatMap(head => head.layers),
    notes: heads.flatMap(head => head.notes.map(({ layer, ...note }) => ({ layer, note }))),
    bits: {
      values: sum(head => head.bits.values),
      scales: sum(head => head.bits.scales),
      zeroPoints: sum(head => head.bits.zeroPoints),
      indices: sum(head => head.bits.indices),
    },
    weights: sum(head => head.count),
  }
}

async function bytesAt(path: string): Promise<number> {
  const info = await stat(path)
  return info.isDirectory() ? folderBytes(path) : info.size
}
