import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { makeFolder, readImatrix, SinterError } from '@sinter/model'
import { checkOutput, checkSpace, outputPath } from '../plan/output-place.ts'
import type { OutputPlan } from '../plan/plan.ts'
import { formatNamed, formats, parseFormat } from '../registry/formats.ts'
import { EventQueue } from '../run/event-queue.ts'
import { folderBytes } from '../run/journal.ts'
import type { Conversion, ConvertEvent, ConvertOptions, ConvertResult, Route } from './conversion.ts'
import { otherRoute } from './convert-other.ts'
import { describeLosses } from './losses.ts'

export interface ConversionOptions {
  /** `gguf:Q4_K_M`, one of llama.cpp's mixes; `hf`, `hf:bf16` or another format of `compress`. */
  readonly to: string
  /** llama.cpp's importance matrix, for mixes. */
  readonly imatrix?: string | undefined
}

/**
 * Plans a conversion: what every tensor will be, and what is lost of it. Values are not decoded, but those of compressed matrices are looked at to see whether they can be kept.
 * @param input Hugging Face folder, safetensors or GGUF
 * @throws SinterError for a format that is not known or an importance that is missing or of another model, FormatError for a
 *   model that cannot be read
 */
export async function openConversion(input: string, options: ConversionOptions): Promise<Conversion> {
  const output = conversionOutput(options.to)
  const { imatrix } = options
  const { conversion } = formatNamed(output.container)
  if (imatrix !== undefined && !conversion)
    throw new SinterError(
      'option',
      `an importance matrix is for gguf mixes, and ${output.container} has no use for one; leave it out`,
    )
  const importance = imatrix === undefined ? undefined : { path: imatrix, matrix: await readImatrix(imatrix) }
  const route = await (conversion ? conversion.route(input, output.encoding, importance) : otherRoute(input, output))
  const { rows, notes } = route
  return {
    input,
    output,
    rows,
    notes,
    inputBytes: route.inputBytes,
    bytes: bytesOf(rows),
    losses: describeLosses(rows),
    close: () => route.close(),
    async *write(writeOptions) {
      const queue = new EventQueue<ConvertEvent>()
      return yield* queue.until(write(input, output, route, writeOptions, event => queue.push(event)))
    },
  }
}

const bytesOf = (rows: Route['rows']): number => rows.reduce((sum, row) => sum + row.bytes, 0)

/** @throws SinterError `unknown-name` */
function conversionOutput(to: string): OutputPlan {
  const [container = '', type, ...rest] = to.split(':')
  const format = formats.find(({ name }) => name === container)
  if (!format?.conversion || rest.length > 0) return parseFormat(to)
  return { container, encoding: format.conversion.typeNamed(type ?? format.types[0]!) }
}

/** Events often enough for an eye, not one for every piece. */
const EVENT_MS = 50

async function write(
  input: string,
  output: OutputPlan,
  route: Route,
  { out, threads = availableParallelism(), shardBytes, signal }: ConvertOptions,
  emit: (event: ConvertEvent) => void,
): Promise<ConvertResult> {
  const started = performance.now()
  const path = outputPath(out, output)
  await checkOutput(out, output, input)
  await checkSpace(path, bytesOf(route.rows))
  await makeFolder(dirname(path))
  let shown = Number.NEGATIVE_INFINITY
  const written = await route.write({
    out: path,
    threads,
    shardBytes,
    signal,
    onValues(done, total) {
      if (done < total && performance.now() - shown < EVENT_MS) return
      shown = performance.now()
      emit({ type: 'progress', stage: 'convert', done: done / 1e6, total: total / 1e6, unit: 'million weights' })
    },
  })
  const place = written.path ?? path
  const outputBytes = written.bytes ?? (await folderBytes(place))
  return { path: place, outputBytes, notes: written.notes, seconds: (performance.now() - started) / 1000 }
}
