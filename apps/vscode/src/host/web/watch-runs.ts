import type { EngineClient, watchRuns } from '../../engine-client/index.ts'

/**
 * Tells of the runs of a folder as `watchRuns` does, by asking the engine: it has them in its memory. Nothing is asked before it was
 * started for something else.
 */
export const watchEngineRuns =
  (client: EngineClient): typeof watchRuns =>
  (workspace, onRun, { everyMs = 500, onGone } = {}) => {
    const known = new Map<string, string>()
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
        for (const id of known.keys()) {
          if (there.has(id)) continue
          known.delete(id)
          onGone?.(id)
        }
      } finally {
        asking = false
      }
    }
    const timer = setInterval(() => void look().catch(() => {}), everyMs)
    return { close: () => clearInterval(timer) }
  }
