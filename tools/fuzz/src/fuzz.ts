import { decodeSafetensors, FormatError, parseGgufHeader, parseOnnx } from '@sinter/model'
import { mutations, repairLength } from './mutate.ts'
import { type Random, seededRandom } from './random.ts'
import type { Seed } from './seeds.ts'

/** What a reader may take for a file of a few kilobytes, however large the numbers in it are. */
export const MAX_ALLOCATION: number = 64 * 2 ** 20
/** A header of kilobytes is read in microseconds; a second means a loop over a count that the file made up. */
export const MAX_MILLISECONDS = 1000

export interface FuzzReport {
  readonly cases: number
  /** `safetensors accepted`, `gguf refused: truncated` … → how many. */
  readonly outcomes: ReadonlyMap<string, number>
  /** What no reader may do, each with the number that repeats it. */
  readonly failures: readonly string[]
  /** Largest growth of the heap and of array buffers in one case, bytes. */
  readonly largestAllocation: number
  /** Longest case, milliseconds. */
  readonly slowest: number
}

/**
 * Mutates sound files and reads them. Each case depends on its number only.
 * @param first number of the first case
 */
export function fuzzHeaders(seeds: readonly Seed[], first: number, count: number): FuzzReport {
  const outcomes = new Map<string, number>()
  const failures: string[] = []
  let largestAllocation = 0
  let slowest = 0
  for (let number = first; number < first + count; number++) {
    const { kind, bytes, claimedSize } = makeCase(seeds, seededRandom(number))
    const before = memory()
    const started = performance.now()
    const outcome = attempt(() => read(kind, bytes, claimedSize))
    const took = performance.now() - started
    const grown = memory() - before
    outcomes.set(`${kind} ${outcome.label}`, (outcomes.get(`${kind} ${outcome.label}`) ?? 0) + 1)
    if (outcome.crash !== undefined) failures.push(`case ${number}: ${outcome.crash}`)
    if (grown > MAX_ALLOCATION) failures.push(`case ${number}: took ${grown} bytes of memory`)
    if (took > MAX_MILLISECONDS) failures.push(`case ${number}: took ${took} ms`)
    largestAllocation = Math.max(largestAllocation, grown)
    slowest = Math.max(slowest, took)
  }
  return { cases: count, outcomes, failures, largestAllocation, slowest }
}

interface Case {
  readonly kind: Seed['kind']
  readonly bytes: Uint8Array
  /** What the file system would say; beyond the bytes at hand for a file that is mostly a hole. */
  readonly claimedSize: number
}

function makeCase(seeds: readonly Seed[], random: Random): Case {
  const kind = random.pick(['safetensors', 'gguf', 'onnx'] as const)
  const { bytes, dataBytes } = random.pick(seeds.filter(seed => seed.kind === kind))
  let mutated = bytes
  for (let rounds = 1 + random.below(3); rounds > 0; rounds--) mutated = random.pick(mutations)(mutated, random)
  if (kind === 'safetensors' && random.below(2) === 0) mutated = repairLength(mutated, dataBytes)
  // A hole of a terabyte costs an attacker nothing, and makes every count plausible.
  const claimedSize = kind === 'gguf' && random.below(4) === 0 ? 2 ** 40 : mutated.length
  return { kind, bytes: mutated, claimedSize }
}

function read(kind: Seed['kind'], bytes: Uint8Array, claimedSize: number): string {
  if (kind === 'safetensors') {
    decodeSafetensors(bytes, 'file')
    return 'accepted'
  }
  if (kind === 'onnx') {
    parseOnnx(bytes, 'file')
    return 'accepted'
  }
  return parseGgufHeader(bytes, claimedSize, 'file') ? 'accepted' : 'wants to read on'
}

function attempt(action: () => string): { readonly label: string; readonly crash?: string } {
  try {
    return { label: action() }
  } catch (error) {
    if (error instanceof FormatError) return { label: `refused: ${error.code}` }
    return { label: 'crashed', crash: String(error) }
  }
}

function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** The report as lines for people. */
export function formatReport(report: FuzzReport): string {
  const outcomes = [...report.outcomes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, count]) => `  ${String(count).padStart(8)}  ${label}`)
  return [
    `${report.cases} mutated headers`,
    ...outcomes,
    `largest growth of memory in one case: ${(report.largestAllocation / 2 ** 20).toFixed(1)} MiB (allowed: ${MAX_ALLOCATION / 2 ** 20})`,
    `slowest case: ${report.slowest.toFixed(1)} ms (allowed: ${MAX_MILLISECONDS})`,
    `failures: ${report.failures.length}`,
    ...report.failures.slice(0, 20).map(failure => `  ${failure}`),
  ].join('\n')
}
