import { basename, resolve } from 'node:path'
import {
  type Checkpoint,
  checkpointJob,
  encodedBytes,
  encodingNamed,
  findMix,
  type GgufJob,
  type GgufPlanTensor,
  type GgufSource,
  type GgufValue,
  ggufMixes,
  ggufString,
  ggufU32,
  mixFactsOf,
  openCheckpoint,
  openGguf,
  planGguf,
  requantizeJob,
  type TensorSource,
  tokenizerKeysApart,
  typesOfMix,
  vocabSizeOf,
  writeGgufJob,
} from '@sinter/model'
import { createPool, sizeOf } from '@sinter/tensor-core'
import { exactBytes } from '../formats/exact-bytes.ts'
import { unknownName } from '../registry/methods.ts'
import type { ConversionRow, Route, RouteJob } from './conversion.ts'
import { checkNeeded, type Importance, importanceFor } from './importance.ts'

/** One tensor of the file that will be, before its type is chosen. */
interface Candidate {
  readonly name: string
  readonly shape: readonly number[]
  /** How it is stored. */
  readonly from: string
  /** What it stays when the mix leaves it alone. */
  readonly kept: string
}

/**
 * The mix of a name.
 * @throws SinterError `unknown-name`
 */
export function mixNamed(name: string): NonNullable<ReturnType<typeof findMix>> {
  const found = findMix(name)
  if (found) return found
  throw unknownName('type of gguf', name, Object.keys(ggufMixes))
}

/** To one of llama.cpp's mixes. A GGUF file is converted as a file, whatever its architecture. */
export async function ggufRoute(input: string, mixName: string, importance: Importance | undefined): Promise<Route> {
  return input.endsWith('.gguf')
    ? over(await openGguf(input), file => fileRoute(file, mixName, importance))
    : over(await openCheckpoint(input), checkpoint => checkpointRoute(checkpoint, mixName, importance))
}

/** What was opened is closed when nothing comes of it. */
async function over<T extends { close(): Promise<void> }>(
  opened: T,
  make: (opened: T) => Route | Promise<Route>,
): Promise<Route> {
  try {
    return await make(opened)
  } catch (error) {
    await opened.close()
    throw error
  }
}

function fileRoute(file: GgufSource, mixName: string, importance: Importance | undefined): Route {
  const candidates = file.names().map((name): Candidate => {
    const { shape, encoding } = file.info(name)
    return { name, shape, from: encoding, kept: encoding }
  })
  const choice = choose(candidates, file.metadata, mixName, importance)
  const job = (): GgufJob =>
    requantizeJob(file, {
      encodingOf: name => choice.types.get(name)!,
      importanceOf: name => choice.weights.get(name),
      fileType: choice.fileType,
      keys: importanceKeys(importance),
    })
  return route({
    choice,
    source: file,
    notes: [],
    prepare: async () => ({ job: job(), notes: [] }),
    close: () => file.close(),
  })
}

async function checkpointRoute(
  checkpoint: Checkpoint,
  mixName: string,
  importance: Importance | undefined,
): Promise<Route> {
  const plan = planGguf(checkpoint.config, checkpoint.source)
  const candidates = [
    ...[...plan.extra].map(([name, { shape }]): Candidate => ({ name, shape, from: 'F32', kept: 'F32' })),
    ...plan.tensors.map(({ name, shape, from }): Candidate => {
      // Small matrices that no mix rounds are F32, as in the files that other converters make.
      return { name, shape, from: checkpoint.source.info(from).encoding, kept: 'F32' }
    }),
  ]
  const chosen = choose(candidates, plan.metadata, mixName, importance)
  const exact = async (tensor: GgufPlanTensor): Promise<Uint8Array | undefined> => {
    const weight = await checkpoint.source.weight?.(tensor.from)
    return weight && exactBytes(weight, chosen.types.get(tensor.name)!, tensor.layout.rowOrder)
  }
  const choice = { ...chosen, rows: await withKept(chosen.rows, plan.tensors, exact) }
  const prepare = async () => {
    const tokenizer = await tokenizerKeysApart({ path: checkpoint.path, vocabSize: vocabSizeOf(plan) })
    return checkpointJob(plan, checkpoint.source, tokenizer, {
      encoding: 'F32',
      name: basename(resolve(checkpoint.path)),
      fileType: choice.fileType,
      keys: importanceKeys(importance),
      encodingOf: ({ name }) => choice.types.get(name),
      importanceOf: ({ name }) => choice.weights.get(name),
      bytesOf: exact,
    })
  }
  const { source } = checkpoint
  return route({ choice, source, notes: plan.notes, prepare, close: () => checkpoint.close() })
}

/** Marks the matrices whose codes and scales are those of a block encoding already. */
async function withKept(
  rows: readonly ConversionRow[],
  tensors: readonly GgufPlanTensor[],
  exact: (tensor: GgufPlanTensor) => Promise<Uint8Array | undefined>,
): Promise<ConversionRow[]> {
  const kept = new Set<string>()
  for (const tensor of tensors) if (await exact(tensor)) kept.add(tensor.name)
  return rows.map(row => (kept.has(row.tensor) ? { ...row, kept: true, weighed: false } : row))
}

interface Choice {
  readonly rows: readonly ConversionRow[]
  readonly types: ReadonlyMap<string, string>
  readonly weights: ReadonlyMap<string, Float32Array>
  readonly fileType: number
}

/** @throws SinterError `option` where a type needs importance that there is not */
function choose(
  candidates: readonly Candidate[],
  metadata: GgufSource['metadata'],
  mixName: string,
  importance: Importance | undefined,
): Choice {
  const { name: ofMix, mix } = mixNamed(mixName)
  const chosen = typesOfMix(mix, candidates, mixFactsOf(metadata), importance !== undefined)
  const weights = importanceFor(candidates, importance)
  const rows = candidates.map(({ name, shape, from, kept }, i): ConversionRow => {
    const { type = kept, insteadOf } = chosen[i]!
    const bytes = encodedBytes(encodingNamed(type), shape.at(-1) ?? 1) * sizeOf(shape.slice(0, -1))
    const note = insteadOf && `${shape.at(-1)} inputs do not divide into blocks of ${insteadOf}`
    // What is copied is not weighed.
    return {
      tensor: name,
      shape,
      from,
      to: type,
      bytes,
      weighed: from !== type && weights.has(name),
      ...(note && { note }),
    }
  })
  checkNeeded(
    ofMix,
    candidates.filter((_, i) => chosen[i]!.needsImportance && rows[i]!.from !== rows[i]!.to).map(({ name }) => name),
    weights,
  )
  return { rows, weights, fileType: mix.fileType, types: new Map(rows.map(({ tensor, to }) => [tensor, to])) }
}

/** As llama-quantize notes where the importance came from. */
function importanceKeys(importance: Importance | undefined): ReadonlyMap<string, GgufValue> {
  if (!importance) return new Map()
  const { path, matrix } = importance
  const [dataset] = matrix.datasets
  return new Map([
    ['quantize.imatrix.file', ggufString(clipped(path))],
    ...(dataset === undefined ? [] : [['quantize.imatrix.dataset', ggufString(clipped(dataset))] as const]),
    ['quantize.imatrix.entries_count', ggufU32(matrix.entries.size)],
    ...(matrix.chunks > 0 ? [['quantize.imatrix.chunks_count', ggufU32(matrix.chunks)] as const] : []),
  ])
}

/** llama.cpp keeps 127 bytes of such a value; cut between characters. */
function clipped(text: string): string {
  const bytes = new TextEncoder().encode(text)
  return bytes.length <= 127 ? text : new TextDecoder().decode(bytes.subarray(0, 127)).replace(/\uFFFD+$/, '')
}

interface RouteParts {
  readonly choice: Choice
  readonly source: Pick<TensorSource, 'names' | 'info'>
  /** Those of `prepare` begin with them. */
  readonly notes: readonly string[]
  /** The tokenizer of a large vocabulary takes a second: it is turned only for a file that is written. */
  readonly prepare: () => Promise<{ readonly job: GgufJob; readonly notes: readonly string[] }>
  readonly close: () => Promise<void>
}

function route({ choice, source, notes, prepare, close }: RouteParts): Route {
  return {
    rows: choice.rows,
    inputBytes: source.names().reduce((sum, name) => sum + source.info(name).bytes, 0),
    notes,
    close,
    async write({ out, threads, signal, onValues }: RouteJob) {
      const { job, notes: all } = await prepare()
      const pool = createPool({ threads })
      try {
        await writeGgufJob(out, job, { pool, signal, onValues })
      } finally {
        await pool.close()
      }
      return all.slice(notes.length)
    },
  }
}
