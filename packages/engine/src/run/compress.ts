import { resolve } from 'node:path'
import { type Model, openModel } from '@sinter/model'
import {
  type Backend,
  type Compute,
  collectKernel,
  createPool,
  gemmOn,
  ortNodeBackend,
  type TensorF32,
  toF32,
} from '@sinter/tensor-core'
import type { Plan } from '../plan/plan.ts'
import { assemble } from './assemble.ts'
import { batchShapes } from './calibration.ts'
import { calibrationIds } from './calibration-apart.ts'
import { diskStore, memoryStore } from './carry-store.ts'
import { compressBlock } from './compress-block.ts'
import { EventQueue } from './event-queue.ts'
import type { LayerReport, RunEvent, RunResult } from './events.ts'
import { fingerprint } from './fingerprint.ts'
import { type Journal, type JournalNote, openJournal } from './journal.ts'
import { type BatchShape, Walker } from './walker.ts'

export interface CompressOptions {
  /** Directory (hf) or file (gguf) to make. It appears when it is complete. */
  readonly out: string
  /** Go on with the unfinished run beside `out`. */
  readonly resume?: boolean
  readonly signal?: AbortSignal
  /** Default: ONNX Runtime on the plan's number of threads. */
  readonly backend?: Backend
}

/** Where a run keeps what it needs to go on. */
export const journalFolder = (out: string): string => `${resolve(out)}.sinter-run`

/**
 * Obeys the plan: compresses block after block, each durable when done, then writes the output. Killed anywhere, the same
 * call with `resume` gives the same bytes.
 */
export async function* compress(plan: Plan, options: CompressOptions): AsyncGenerator<RunEvent, RunResult> {
  const queue = new EventQueue<RunEvent>()
  const result = yield* queue.until(run(plan, options, event => queue.push(event)))
  yield { type: 'done', result }
  return result
}

type Emit = (event: RunEvent) => void

async function run(plan: Plan, options: CompressOptions, emit: Emit): Promise<RunResult> {
  const timings: Record<string, number> = {}
  const timed = async <T>(stage: 'calibrate' | 'compress' | 'write', work: () => Promise<T>): Promise<T> => {
    emit({ type: 'stage', stage })
    const start = performance.now()
    const value = await work()
    timings[stage] = (timings[stage] ?? 0) + (performance.now() - start) / 1000
    return value
  }
  const model = await openModel(plan.model.path)
  try {
    const ids = await timed('calibrate', async () =>
      plan.calibration ? calibrationIds(plan.model.path, plan.calibration) : new Int32Array(),
    )
    const journal = await openJournal(
      journalFolder(options.out),
      await fingerprint(plan, ids),
      model.blocks,
      options.resume ?? false,
    )
    try {
      emit({ type: 'started', blocks: model.blocks, resumedAt: journal.next, tokens: ids.length })
      await timed('compress', () => compressBlocks({ plan, options, model, journal, ids, emit }))
      const output = await timed('write', () =>
        assemble({
          plan,
          model,
          journal,
          out: options.out,
          signal: options.signal,
          onProgress: (done, total) => emit({ type: 'progress', stage: 'write', done, total, unit: 'tensors' }),
        }),
      )
      await journal.remove()
      return { path: options.out, ...output, timings }
    } finally {
      await journal.close()
    }
  } finally {
    await model.close()
  }
}

interface Job {
  readonly plan: Plan
  readonly options: CompressOptions
  readonly model: Model
  readonly journal: Journal
  readonly ids: Int32Array
  readonly emit: Emit
}

async function compressBlocks(job: Job): Promise<void> {
  const { plan, options, model, journal, emit } = job
  if (journal.next >= model.blocks) return
  const pool = createPool({ threads: plan.threads })
  // RTN and magnitude need no forward pass: then ONNX Runtime is not even loaded.
  const backend = options.backend ?? (plan.calibration ? ortNodeBackend({ threads: plan.threads }) : undefined)
  const compute: Compute = { gemm: backend ? gemmOn(backend) : unused, pool, signal: options.signal }
  let saved: Promise<void> = Promise.resolve()
  let snapshot: Promise<void> = Promise.resolve()
  try {
    const calibrated = plan.calibration && backend ? await startWalk(job, backend, plan.calibration) : undefined
    const first = calibrated ? journal.hiddenAt : journal.next
    let tensors: ReadonlyMap<string, TensorF32> = new Map()
    for (let block = first; block < model.blocks; block++) {
      options.signal?.throwIfAborted()
      const started = performance.now()
      const notes: JournalNote[] = []
      // What methods made for the block before, in every thread that saw it.
      if (backend) await pool.rows(collectKernel, plan.threads, {})
      tensors = await model.readBlock(block, tensors)
      const result = await compressBlock({
        model,
        plan,
        block,
        tensors: new Map(tensors),
        compute,
        walker: calibrated?.walker,
        propagate: block + 1 < model.blocks,
        beforeOverwrite: () => snapshot,
        onNote(layer, note) {
          notes.push({ layer, ...note })
          emit({ type: 'note', layer, note })
        },
        onLayer: (layer: LayerReport) => emit({ type: 'layer', layer }),
        onWork: share =>
          emit({ type: 'progress', stage: 'compress', done: block + share, total: model.blocks, unit: 'blocks' }),
      })
      await saved
      // Blocks and activations are written while the next block is at work; a kill before they are durable costs that block
      // again. Activations come after their block: they replace those that it was made from.
      if (block >= journal.next) saved = journal.saveBlock(block, result, notes)
      saved.catch(() => {})
      if (calibrated && block + 1 < model.blocks) {
        snapshot = saved.then(() =>
          journal.saveHidden(block + 1, calibrated.hiddenShapes, batch => calibrated.store.copy('x', batch)),
        )
        snapshot.catch(() => {})
      }
      emit({ type: 'block', block, blocks: model.blocks, seconds: (performance.now() - started) / 1000 })
    }
    await saved
    await snapshot
    await calibrated?.walker.close()
  } finally {
    await Promise.allSettled([saved, snapshot])
    await pool.close()
    if (!options.backend) await backend?.close()
  }
}

const unused = (): never => {
  throw new Error('a method that needs no data asked for a matrix product; it must declare what it needs')
}

async function startWalk(job: Job, backend: Backend, calibration: NonNullable<Plan['calibration']>) {
  const { model, plan, journal, options, ids } = job
  // Inputs of groups go to the disk in any case: an MLP's would take several times the memory of the stream, and are
  // read back while the batch before is at work, where computing them again would repeat their products.
  const groupInputs = diskStore(journal.folder, backend)
  const store = plan.cache === 'disk' ? groupInputs : memoryStore()
  const batches = batchShapes(calibration)
  let at = 0
  for (const [i, shape] of batches.entries()) {
    const hidden =
      journal.hiddenAt > 0 ? toF32(await journal.readHidden(journal.hiddenAt, i)) : await embed(model, ids, at, shape)
    await store.put('x', i, await backend.upload(hidden, { move: true }))
    at += shape[0] * shape[1]
  }
  const width = model.config.hiddenSize
  return {
    store,
    walker: new Walker(model, backend, { stream: store, groupInputs }, batches, options.signal),
    hiddenShapes: batches.map(([sequences, tokens]) => [sequences, tokens, width]),
  }
}

function embed(model: Model, ids: Int32Array, at: number, [sequences, tokens]: BatchShape) {
  return model.embed({ dtype: 'i32', shape: [sequences, tokens], data: ids.subarray(at, at + sequences * tokens) })
}
