/**
 * node --conditions=@sinter/source tools/ggml/src/encode-rate.ts [--types Q4_K,Q8_0] [--values 1048576] [--rounds 7]
 * Weights a second of one thread, ggml's encoders and decoders and ours on the same rows, turn by turn, in processor time.
 */
import { parseArgs } from 'node:util'
import { encodings } from '@sinter/model'
import { createRng } from '@sinter/tensor-core'
import { loadGgml } from './oracle.ts'

const { values: given } = parseArgs({
  options: {
    types: { type: 'string' },
    values: { type: 'string', default: '1048576' },
    rounds: { type: 'string', default: '7' },
  },
})
const [count, rounds] = [Number(given.values), Number(given.rounds)]
const width = 1024
const ggml = loadGgml()
const rng = createRng(1)
const rows = Float32Array.from({ length: count }, () => 0.03 * rng.normal())
const importance = Float32Array.from({ length: width }, () => rng.normal() ** 2)

function seconds(work: () => void, times: number): number {
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6 / times
}

const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[numbers.length >> 1]!

/** Rates of both, and the median of what ours is times theirs. */
function compare(theirs: () => void, ours: () => void): string {
  for (let i = 0; i < 3; i++) ours()
  // The processor's clock may tick in steps of 4 ms: quick work is done until it takes a fifth of a second.
  const once = seconds(theirs, 1)
  const times = Math.ceil(0.2 / (once > 0.05 ? once : seconds(theirs, 20) + 1e-4))
  const pairs = Array.from({ length: rounds }, (_, i) => {
    if (i % 2) return [seconds(theirs, times), seconds(ours, times)] as const
    const own = seconds(ours, times)
    return [seconds(theirs, times), own] as const
  })
  const rate = (which: 0 | 1): string => (count / median(pairs.map(pair => pair[which])) / 1e6).toFixed(1).padStart(8)
  return `${rate(0)} ${rate(1)} ${median(pairs.map(([a, b]) => a / b))
    .toFixed(2)
    .padStart(6)}x`
}

const named = given.types?.split(',')
const list = encodings.filter(({ name, encode, ggmlType }) => (named ? named.includes(name) : encode && ggmlType > 0))
console.log(`Million weights a second of one thread, medians of ${rounds} turns of ${count}: ggml, ours, ratio`)
for (const encoding of list) {
  const { name, ggmlType: type } = encoding
  const out = new Uint8Array((count / encoding.blockSize) * encoding.blockBytes)
  const back = new Float32Array(count)
  const line = (what: string, result: string): void => console.log(`${name.padEnd(8)} ${what.padEnd(18)} ${result}`)
  for (const given of [undefined, importance]) {
    if (!given && ggml.needsImportance(type)) continue
    const theirs = (): void => ggml.encodeInto(type, rows, out, width, given)
    line(
      given ? 'encode, importance' : 'encode',
      compare(theirs, () => encoding.encode!(rows, out, width, given)),
    )
  }
  const decoded = (): void => ggml.decodeInto(type, out, back)
  line(
    'decode',
    compare(decoded, () => encoding.decode(out, back)),
  )
}
