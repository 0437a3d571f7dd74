/**
 * node --conditions=@sinter/source tools/ggml/src/check-encodings.ts [--rows 12000] [--types Q4_K,Q6_K] [--first 0]
 * Holds our encoders and decoders against ggml's on random rows of 256 values, six distributions, with and without importance. Rows come
 * in slices that a number makes; a run that was cut goes on with `--first` the next one. Exits 1 where anything differs.
 */
import { parseArgs } from 'node:util'
import { type Encoding, encodings } from '@sinter/model'
import { compareSlice, newTally } from './compare.ts'
import { loadGgml } from './oracle.ts'
import { ROWS_OF_SLICE, randomSlice } from './random-rows.ts'

const { values: given } = parseArgs({
  options: {
    rows: { type: 'string', default: '12000' },
    types: { type: 'string' },
    first: { type: 'string', default: '0' },
  },
})
const named = given.types?.split(',')
/** Those that ggml has blocks for. */
const wanted = ({ name, dtype }: Encoding): boolean => (named ? named.includes(name) : !dtype)
const ggml = loadGgml()
const tallies = encodings.filter(wanted).map(encoding => ({ encoding, tally: newTally() }))
const first = Number(given.first)
const last = first + Math.ceil(Number(given.rows) / ROWS_OF_SLICE)

for (let seed = first; seed < last; seed++) {
  const slice = randomSlice(seed)
  for (const { encoding, tally } of tallies) compareSlice(ggml, encoding, slice, tally)
  const wrong = tallies.some(({ tally }) => tally.first)
  if (seed % 50 === 49)
    console.error(`slice ${seed} done${wrong ? ', differences found' : ''}; ${last - seed - 1} left`)
}

console.log(`Slices ${first} … ${last - 1}. Rows of 256 values, and how many differ from ggml's:`)
console.log('type        rows  encode  weighted  decode')
for (const { encoding, tally } of tallies) {
  const numbers = [String(tally.rows).padStart(8), String(tally.encode).padStart(7), String(tally.weighted).padStart(9)]
  console.log(encoding.name.padEnd(8), ...numbers, String(tally.decode).padStart(7), tally.first ?? '')
}
process.exitCode = tallies.some(({ tally }) => tally.first) ? 1 : 0
