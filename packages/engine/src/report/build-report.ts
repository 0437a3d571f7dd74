import { basename, resolve } from 'node:path'
import type { Model } from '@sinter/model'
import type { RunEvaluation } from '../evaluate-run.ts'
import type { Plan } from '../plan/plan.ts'
import type { RunResult } from '../run/events.ts'
import { machine, tool } from './origin.ts'
import { reportQuality } from './quality.ts'
import { renderReport } from './render.ts'
import type { Report, ReportBytes } from './report.ts'
import { tokenizerBytes } from './tokenizer-bytes.ts'
import { type ReportPaths, writeReportFiles } from './write-files.ts'

export interface ReportParts {
  /** The original. */
  readonly model: Model
  readonly plan: Plan
  readonly result: RunResult
  readonly evaluation?: RunEvaluation | undefined
}

/** All that is known of a finished run, as the JSON of `report.json`. */
export async function buildReport({ model, plan, result, evaluation }: ReportParts): Promise<Report> {
  const notes = result.notes.map(({ layer, note }) => ({ layer, code: note.code, message: note.message }))
  return {
    version: 1,
    tool: await tool(),
    date: new Date().toISOString(),
    model: { name: basename(resolve(plan.model.path)), family: plan.model.family, params: plan.model.parameters },
    output: result.path,
    recipe: plan.recipe,
    machine: { ...machine(plan.threads), 'calibration cache': plan.cache },
    timings: result.timings,
    plan: plan.rows.map(({ tensor, action, scheme, reason }) => ({ tensor, action, scheme, reason })),
    layers: result.layers.map(({ bitsPerWeight, ...layer }) => ({ ...layer, bits: bitsPerWeight })),
    size: await sizes(model, plan, result),
    ...(evaluation && {
      quality: reportQuality(evaluation.evaluation, basename(evaluation.text)),
      generations: evaluation.generations,
    }),
    notes: [...notes, ...plan.warnings.map(message => ({ code: 'plan', message }))],
  }
}

/**
 * Writes a report beside the result: it holds times, and the result itself must be the same bytes at every run.
 * @param out the result: `small` gives `small.report.json` and `small.report.html`, `small.gguf` too
 */
export const writeReport = (report: Report, out: string): Promise<ReportPaths> =>
  writeReportFiles(out, report, () => renderReport(report))

/** Where the bytes of the weights go, before and after. */
async function sizes(model: Model, plan: Plan, { bits }: RunResult): Promise<NonNullable<Report['size']>> {
  const tokenizer = await tokenizerBytes(model.path)
  const before = { values: 0, untouched: 0, ...tokenizer }
  let untouched = 0
  for (const { tensor, action, stored } of plan.rows) {
    const info = model.source.info(tensor)
    before[action === 'compress' ? 'values' : 'untouched'] += info.bytes
    if (action === 'keep') untouched += stored.bytes
  }
  const spent = Object.entries(bits).map(([kind, count]) => [kind, Math.ceil(count / 8)])
  const after: ReportBytes = { ...(Object.fromEntries(spent) as ReportBytes), untouched, ...tokenizer }
  return { before, after }
}
