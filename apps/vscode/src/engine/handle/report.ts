import { readFile, stat } from 'node:fs/promises'
import { type Report, type ReportBytes, reportSchema } from '@sinter/engine'
import type { Bytes, Estimate, Pair, ReportFacts, ReportQualityFacts } from '../../shared/protocol.ts'
import type { Handler } from '../handler.ts'

/** A report has a line for each tensor; what is larger is none. */
const MAX_BYTES = 64 * 2 ** 20
/** What a page can hold, and a message. */
const MAX_ROWS = 20_000

export const readReport: Handler<'report'> = async ({ path }) => factsOf(parsed(await textOf(path), path))

async function textOf(path: string): Promise<string> {
  const { size } = await stat(path)
  if (size > MAX_BYTES) throw new RangeError(`${path}: ${size} bytes are too many for a report`)
  return readFile(path, 'utf8')
}

function parsed(text: string, path: string): Report {
  const none = new RangeError(`${path}: this is no report of a compression`)
  try {
    const report = reportSchema.parse(JSON.parse(text))
    // Every part may be missing, but not all: other files are objects too.
    if (report.size ?? report.layers ?? report.quality ?? report.plan) return report
  } catch {
    throw none
  }
  throw none
}

function factsOf(report: Report): ReportFacts {
  const { model, layers = [], plan = [], notes = [], generations = [], size, quality } = report
  return {
    title: model?.name ?? 'Sinter',
    facts: summary(report),
    size: size && { before: size.before && partsOf(size.before), after: partsOf(size.after) },
    quality: quality && qualityOf(quality),
    layers: layers.slice(0, MAX_ROWS).map(({ name, method = '', bits, error, sparsity, notes = [] }) => ({
      name,
      method,
      bits: bits ?? undefined,
      error: error ?? undefined,
      zeros: sparsity,
      notes: notes.join('; '),
    })),
    plan: plan
      .slice(0, MAX_ROWS)
      .map(({ tensor, action, scheme = '', reason = '' }) => ({ tensor, action, scheme, reason })),
    notes: notes.slice(0, MAX_ROWS).map(({ layer = '', message }) => ({ layer, message })),
    generations: generations.slice(0, 100).map(({ prompt, base = '', model = '' }) => ({ prompt, base, model })),
    timings: Object.entries(report.timings ?? {}).map(([name, seconds]) => ({ name, seconds })),
    machine: Object.entries(report.machine ?? {}).map(([name, value]) => ({ name, value: String(value) })),
    recipe: report.recipe === undefined ? '' : JSON.stringify(report.recipe, null, 2),
  }
}

function summary({ model, tool, date, output }: Report): Pair[] {
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['family', model?.family],
    ['parameters', model?.params === undefined ? undefined : String(model.params)],
    ['output', output],
    ['date', date],
    ['tool', tool && `${tool.name} ${tool.version}`],
  ]
  return pairs.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]))
}

const partsOf = (bytes: ReportBytes): Bytes[] =>
  Object.entries(bytes).flatMap(([name, bytes]) => (bytes ? [{ name, bytes }] : []))

function qualityOf({ protocol, base, model, kl, topAgreement }: NonNullable<Report['quality']>): ReportQualityFacts {
  const { mean, se, ...spread } = kl ?? {}
  const perplexity = (of: typeof base): Estimate | undefined => of && { value: of.ppl, se: of.se }
  return {
    protocol,
    basePerplexity: perplexity(base),
    perplexity: perplexity(model),
    kl: mean === undefined ? undefined : { value: mean, se },
    spread: Object.entries(spread).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
    agreement: topAgreement,
  }
}
