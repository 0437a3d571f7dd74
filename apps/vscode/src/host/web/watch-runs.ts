import type { EngineClient, watchRuns } from '../../engine-client/index.ts'

/**
 * Tells of the runs of a folder as `watchRuns` does, by asking the engine: it has them in its memory. Nothing is asked before it was
 * started for something else.
 */
export const watchEngineRuns =
  (client: EngineClient): typeof watchRuns =>
  (workspace, onRun, { everyMs = 500, onGone } = {}) => {
    const known = new Map<string, string>()
    let missed: ReadonlySet<string> = new Set()
    let asking = false
    const look = async (): Promise<void> => {
      if (asking || client.pid === undefined) return
      asking = true
      try {
        const { runs } = await client.request('runList', { workspace })
        for (const run of runs.toReversed()) {
          const text = JSON.stringify(run)
          if (known.get(run.id) !== text) onRun(run)
          known.set(run.id, text)
        }
        const there = new Set(runs.map(({ id }) => id))
        const missing = new Set([...known.keys()].filter(id => !there.has(id)))
        // What could not be read just then is not in the list either: it has to be missing from the next one too.
        for (const id of missing) {
          if (!missed.has(id)) continue
          known.delete(id)
          onGone?.(id)
        }
        missed = missing
      } finally {
        asking = false
      }
    }
    const timer = setInterval(() => void look().catch(() => {}), everyMs)
    return { close: () => clearInterval(timer) }
  }
