import type { EngineClient } from '../../engine-client/index.ts'
import { REPORT_PROTOCOL, type RunPoint, readFromReport, type ToReport } from '../../shared/report-messages.ts'

/** What a page shows: the report of a run, and all runs of its model. */
export interface ReportSource {
  /** Of `report.json`. */
  readonly path: string
  points(): readonly RunPoint[]
}

export interface ReportSession {
  receive(message: unknown): Promise<void>
  /** The runs have changed. */
  update(): void
  show(source: ReportSource): Promise<void>
}

export interface ReportSessionOptions {
  readonly strings?: Readonly<Record<string, string>> | undefined
  /** Asked for in the page; an id that the page was given. */
  readonly onOpen: (run: string) => void
}

/** The host's side of a report. The engine reads the file: it checks what is in it. */
export function reportSession(
  { request }: Pick<EngineClient, 'request'>,
  first: ReportSource,
  post: (message: ToReport) => void,
  { strings, onOpen }: ReportSessionOptions,
): ReportSession {
  let source = first
  let begun = false
  let sent = ''
  const send = async (): Promise<void> => {
    const asked = source
    try {
      const report = await request('report', { path: asked.path })
      if (asked !== source) return
      const points = asked.points()
      sent = JSON.stringify(points)
      post({ type: 'report', report, points, strings })
    } catch (error) {
      if (asked !== source) return
      post({ type: 'refused', message: error instanceof Error ? error.message : String(error) })
    }
  }
  return {
    async receive(raw) {
      const message = readFromReport(raw)
      if (message?.type === 'ready') {
        begun = message.protocol === REPORT_PROTOCOL
        if (begun) await send()
        else
          post({
            type: 'refused',
            message: 'This page is of another version of the extension: close it and open it again.',
          })
      } else if (message && source.points().some(({ id }) => id === message.run)) onOpen(message.run)
    },
    update() {
      const points = source.points()
      if (!begun || JSON.stringify(points) === sent) return
      sent = JSON.stringify(points)
      post({ type: 'points', points })
    },
    async show(next) {
      source = next
      if (begun) await send()
    },
  }
}
