import { readFile } from 'node:fs/promises'
import { arch, cpus, platform, totalmem } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { atomicWriteFile, type Model } from '@sinter/model'
import type { RunEvaluation } from '../evaluate-run.ts'
import { storedAs } from '../plan/output-size.ts'
import type { Plan } from '../plan/plan.ts'
import type { RunResult } from '../run/events.ts'
import { reportQuality } from './quality.ts'
import { renderReport } from './render.ts'
import type { Report, ReportBytes } from './report.ts'
import { tokenizerBytes } from './tokenizer-bytes.ts'

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
    tool: { name: 'sinter', version: await version() },
    date: new Date().toISOString(),
    model: { name: basename(resolve(plan.model.path)), family: plan.model.family, params: plan.model.parameters },
    output: result.path,
    recipe: plan.recipe,
    machine: machine(plan),
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
export async function writeReport(
  report: Report,
  out: string,
): Promise<{ readonly json: string; readonly html: string }> {
  const path = resolve(out)
  const stem = join(dirname(path), basename(path).replace(/\.gguf$/, ''))
  const paths = { json: `${stem}.report.json`, html: `${stem}.report.html` }
  await atomicWriteFile(paths.json, `${JSON.stringify(report, null, 2)}\n`)
  await atomicWriteFile(paths.html, await renderReport(report))
  return paths
}

async function version(): Promise<string> {
  // Two folders up both in src and in dist.
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  return String((manifest as { version?: unknown }).version)
}

const machine = ({ threads, cache }: Plan): Record<string, string | number> => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  threads,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `${platform()} ${arch()}`,
  node: process.version,
  'calibration cache': cache,
})

/** Where the bytes of the weights go, before and after. */
async function sizes(model: Model, plan: Plan, { bits }: RunResult): Promise<NonNullable<Report['size']>> {
  const tokenizer = await tokenizerBytes(model.path)
  const before = { values: 0, untouched: 0, ...tokenizer }
  let untouched = 0
  for (const { tensor, action } of plan.rows) {
    const info = model.source.info(tensor)
    before[action === 'compress' ? 'values' : 'untouched'] += info.bytes
    if (action === 'keep') untouched += storedAs(plan.output, info, false).bytes
  }
  const spent = Object.entries(bits).map(([kind, count]) => [kind, Math.ceil(count / 8)])
  const after: ReportBytes = { ...(Object.fromEntries(spent) as ReportBytes), untouched, ...tokenizer }
  return { before, after }
}
