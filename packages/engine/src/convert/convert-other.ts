import { type Checkpoint, type Model, modelOf, openCheckpoint, SinterError } from '@sinter/model'
import { sizeOf, totalBits } from '@sinter/tensor-core'
import type { OutputPlan } from '../plan/plan.ts'
import { tensorRoles } from '../plan/tensors.ts'
import { formatNamed } from '../registry/formats.ts'
import { originalSource } from '../run/compressed-source.ts'
import type { ConversionRow, Route, RouteJob } from './conversion.ts'

/**
 * To a container that is written from values, or from the codes and scales of matrices that are compressed already where it can
 * hold them: the row of the table does it.
 */
export async function otherRoute(input: string, output: OutputPlan): Promise<Route> {
  const checkpoint = await openCheckpoint(input)
  const model = await modelOf(checkpoint)
  try {
    const round = await isRounded(model, output)
    const rows = await rowsFor(model, output, round)
    const inputBytes = rows.reduce((sum, { tensor }) => sum + model.source.info(tensor).bytes, 0)
    return {
      rows,
      inputBytes,
      notes: [],
      close: () => model.close(),
      write: job => write(checkpoint, model, { rows, round }, output, job),
    }
  } catch (error) {
    await model.close()
    throw error
  }
}

/** A type that says how matrices are rounded says so of those that nothing has compressed: other codes are not mixed with it. */
async function isRounded({ source }: Model, { container }: OutputPlan): Promise<boolean> {
  if (!formatNamed(container).rounded) return false
  for (const tensor of source.names()) if (await source.weight?.(tensor)) return false
  return true
}

async function rowsFor(model: Model, { container, encoding }: OutputPlan, round: boolean): Promise<ConversionRow[]> {
  const { source } = model
  const { rounded, stored, cannotHold } = formatNamed(container)
  if (round)
    return tensorRoles(model).map(role => {
      const { type, bytes } = rounded!(encoding, role)
      const { encoding: from, shape } = source.info(role.tensor)
      return { tensor: role.tensor, shape, from, to: labelled(type), bytes, weighed: false }
    })
  const rows: ConversionRow[] = []
  for (const tensor of source.names()) {
    const info = source.info(tensor)
    const weight = cannotHold && (await source.weight?.(tensor))
    const why = weight && cannotHold!(encoding, weight)
    const kept = weight !== undefined && why === undefined
    const bits = kept ? totalBits(weight.bits()) / sizeOf(info.shape) : undefined
    const { type, bytes } = stored(encoding, info, kept, bits)
    const base = { tensor, shape: info.shape, from: info.encoding, bytes, weighed: false }
    if (kept) rows.push({ ...base, to: info.encoding, kept })
    else
      rows.push({
        ...base,
        to: labelled(type),
        ...(why !== undefined && { note: `stored as plain numbers, for ${why}` }),
      })
  }
  return rows
}

/** Types of plain numbers are shown as GGUF writes them. */
const labelled = (type: string): string => (/^[a-z]+\d+$/.test(type) ? type.toUpperCase() : type)

async function write(
  checkpoint: Checkpoint,
  model: Model,
  { rows, round }: { readonly rows: readonly ConversionRow[]; readonly round: boolean },
  { container, encoding }: OutputPlan,
  { out, shardBytes, signal, onValues }: RouteJob,
): ReturnType<Route['write']> {
  if (shardBytes !== undefined)
    throw new SinterError('option', `files of a size that is given are for gguf; ${container} chooses its own`)
  const sizes = tensorSizes(model)
  const compressed = new Set(rows.filter(row => row.kept).map(row => row.tensor))
  const onProgress = (done: number) => onValues(sizes[done - 1]!, sizes.at(-1)!)
  const job = { input: model.path, type: encoding, compressed, round, out, signal, onProgress }
  const notes = await formatNamed(container).write(job, originalSource(model), checkpoint)
  return { notes: notes.map(({ note }) => note.message) }
}

/** Values up to the end of each tensor. */
function tensorSizes({ source }: Model): number[] {
  let total = 0
  return source.names().map(name => (total += sizeOf(source.info(name).shape)))
}
