import { basename, dirname, join, resolve } from 'node:path'
import { atomicWriteFile } from '@sinter/model'

export interface ReportPaths {
  readonly json: string
  readonly html: string
}

/** Writes a report beside the result that it is about: `small` gives `small.report.json` and `small.report.html`, `small.gguf` too. */
export async function writeReportFiles(
  out: string,
  report: unknown,
  render: () => Promise<string>,
): Promise<ReportPaths> {
  const path = resolve(out)
  const stem = join(dirname(path), basename(path).replace(/\.gguf$/, ''))
  const paths = { json: `${stem}.report.json`, html: `${stem}.report.html` }
  await atomicWriteFile(paths.json, `${JSON.stringify(report, null, 2)}\n`)
  await atomicWriteFile(paths.html, await render())
  return paths
}
