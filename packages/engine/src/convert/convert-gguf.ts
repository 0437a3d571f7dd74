import { basename, resolve } from 'node:path'
import {
  type Checkpoint,
  checkpointJob,
  type GgufJob,
  type GgufPlanTensor,
  type GgufSource,
  openCheckpoint,
  openGguf,
  planGguf,
  requantizeJob,
  type TensorSource,
  tokenizerKeysApart,
  vocabSizeOf,
  writeGgufJob,
} from '@sinter/model'
import { exactBytes, holdsExactly } from '../formats/exact-bytes.ts'
import { type Candidate, type Choice, choose } from './choose-types.ts'
import type { ConversionRow, Route, RouteJob } from './conversion.ts'
import { type Importance, importanceKeys } from './importance.ts'

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
  const weightOf = async ({ from }: GgufPlanTensor) => checkpoint.source.weight?.(from)
  const keeps = async (tensor: GgufPlanTensor): Promise<boolean> => {
    const weight = await weightOf(tensor)
    return weight !== undefined && holdsExactly(weight, chosen.types.get(tensor.name)!)
  }
  const choice = { ...chosen, rows: await withKept(chosen.rows, plan.tensors, keeps) }
  const prepare = async () => {
    const tokenizer = await tokenizerKeysApart({ path: checkpoint.path, vocabSize: vocabSizeOf(plan) })
    return checkpointJob(plan, checkpoint.source, tokenizer, {
      encoding: 'F32',
      name: basename(resolve(checkpoint.path)),
      fileType: choice.fileType,
      keys: importanceKeys(importance),
      encodingOf: ({ name }) => choice.types.get(name),
      importanceOf: ({ name }) => choice.weights.get(name),
      bytesOf: async tensor => {
        const weight = await weightOf(tensor)
        return weight && exactBytes(weight, chosen.types.get(tensor.name)!, tensor.layout.rowOrder)
      },
    })
  }
  const { source } = checkpoint
  return route({ choice, source, notes: plan.notes, prepare, close: () => checkpoint.close() })
}

/** Marks the matrices whose codes and scales are those of a block encoding already. */
async function withKept(
  rows: readonly ConversionRow[],
  tensors: readonly GgufPlanTensor[],
  keeps: (tensor: GgufPlanTensor) => Promise<boolean>,
): Promise<ConversionRow[]> {
  const kept = new Set<string>()
  for (const tensor of tensors) if (await keeps(tensor)) kept.add(tensor.name)
  return rows.map(row => (kept.has(row.tensor) ? { ...row, kept: true, weighed: false } : row))
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
    async write({ out, threads, shardBytes, signal, onValues }: RouteJob) {
      const { job, notes: all } = await prepare()
      const written = await writeGgufJob(out, job, { threads, shardBytes, signal, onValues })
      return { ...written, notes: all.slice(notes.length) }
    },
  }
}
