/**
 * Preloaded (`node --import`) into a measured process: on its way out it writes what it used into the file that `USAGE_FILE`
 * names.
 */
import { writeFileSync } from 'node:fs'

export interface Usage {
  /** User and system, of all threads. */
  readonly cpuSeconds: number
  readonly peakBytes: number
}

const file = process.env.USAGE_FILE
if (file !== undefined)
  process.on('exit', () => {
    const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
    const usage: Usage = { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakBytes: maxRSS * 1024 }
    writeFileSync(file, JSON.stringify(usage))
  })
