import { FormatError } from '@sinter/model'
import { mutations, patchNumber } from './mutate.ts'
import { type Random, seededRandom } from './random.ts'
import type { Target } from './target.ts'

/** What a reader may take beyond the size of a file of a few kilobytes, however large the numbers in it are. */
export const MAX_ALLOCATION: number = 64 * 2 ** 20
/** Such a file is read in microseconds; a second means a loop over a count that the file made up. */
export const MAX_MILLISECONDS = 1000

export interface FuzzReport {
  readonly cases: number
  /** `safetensors accepted`, `gguf refused: truncated` … → how many. */
  readonly outcomes: ReadonlyMap<string, number>
  /** What no reader may do, each with the number that repeats it. */
  readonly failures: readonly string[]
  /** Largest growth of the heap and of array buffers in one case, bytes. */
  readonly largestAllocation: number
  /** Longest case, milliseconds of processor time. */
  readonly slowest: number
}

/**
 * Mutates sound files and reads them. Each case depends on its number only.
 * @param first number of the first case
 * @param onCase told before each case, so that one that never ends can be named
 */
export async function fuzz(
  targets: readonly Target[],
  first: number,
  count: number,
  onCase: (number: number) => void = () => {},
): Promise<FuzzReport> {
  const outcomes = new Map<string, number>()
  const failures: string[] = []
  let largestAllocation = 0
  let slowest = 0
  for (let number = first; number < first + count; number++) {
    onCase(number)
    const { label, crash, grown, took } = await attempt(targets, number)
    outcomes.set(label, (outcomes.get(label) ?? 0) + 1)
    if (crash !== undefined) failures.push(`case ${number}: ${crash}`)
    if (grown > MAX_ALLOCATION) failures.push(`case ${number}: took ${grown} bytes of memory`)
    if (took > MAX_MILLISECONDS) failures.push(`case ${number}: took ${took} ms`)
    largestAllocation = Math.max(largestAllocation, grown)
    slowest = Math.max(slowest, took)
  }
  return { cases: count, outcomes, failures, largestAllocation, slowest }
}

interface Outcome {
  readonly label: string
  readonly crash?: string
  readonly grown: number
  /** Milliseconds of processor time. */
  readonly took: number
}

async function attempt(targets: readonly Target[], number: number): Promise<Outcome> {
  const random = seededRandom(number)
  const target = random.pick(targets)
  const bytes = mutated(target, random)
  const before = memory()
  const started = process.threadCpuUsage()
  const { result, crash } = await outcomeOf(() => target.read(bytes, random))
  // Of the processor, not of the clock: the machine may be busy with something else.
  const { user, system } = process.threadCpuUsage(started)
  const grown = memory() - before - bytes.length
  return {
    label: `${target.name} ${result}`,
    ...(crash !== undefined && { crash }),
    grown,
    took: (user + system) / 1000,
  }
}

/** The file of a case. */
function mutated(target: Target, random: Random): Uint8Array {
  const seed = random.pick(target.seeds)
  let { bytes } = seed
  // Numbers first: their places are those of the sound file.
  if (seed.numbers && random.below(2) === 0)
    for (let i = 1 + random.below(3); i > 0; i--) bytes = patchNumber(bytes, random.pick(seed.numbers), random)
  else
    for (let rounds = 1 + random.below(3); rounds > 0; rounds--) {
      const own = target.mutations && random.below(2) === 0 ? target.mutations : mutations
      bytes = random.pick(own)(bytes, random)
    }
  return target.repair?.(bytes, seed, random) ?? bytes
}

async function outcomeOf(action: () => Promise<string>): Promise<{ readonly result: string; readonly crash?: string }> {
  try {
    return { result: await action() }
  } catch (error) {
    if (error instanceof FormatError) return { result: `refused: ${error.code}` }
    const { stack = String(error) } = error as Error
    return { result: 'crashed', crash: stack.split('\n').slice(0, 4).join(' ') }
  }
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Several runs as one. */
export function joinReports(reports: readonly FuzzReport[]): FuzzReport {
  const outcomes = new Map<string, number>()
  for (const report of reports)
    for (const [label, count] of report.outcomes) outcomes.set(label, (outcomes.get(label) ?? 0) + count)
  return {
    cases: reports.reduce((sum, { cases }) => sum + cases, 0),
    outcomes,
    failures: reports.flatMap(({ failures }) => failures),
    largestAllocation: Math.max(0, ...reports.map(report => report.largestAllocation)),
    slowest: Math.max(0, ...reports.map(report => report.slowest)),
  }
}

/** The report as lines for people. */
export function formatReport(report: FuzzReport): string {
  const outcomes = [...report.outcomes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, count]) => `  ${String(count).padStart(8)}  ${label}`)
  return [
    `${report.cases} mutated files`,
    ...outcomes,
    `largest growth of memory in one case, beyond the file: ${(report.largestAllocation / 2 ** 20).toFixed(1)} MiB (allowed: ${MAX_ALLOCATION / 2 ** 20})`,
    `slowest case: ${report.slowest.toFixed(1)} ms (allowed: ${MAX_MILLISECONDS})`,
    `failures: ${report.failures.length}`,
    ...report.failures.slice(0, 20).map(failure => `  ${failure}`),
  ].join('\n')
}
