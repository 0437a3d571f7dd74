import {
  bitmaskConfig,
  type Checkpoint,
  copySideFiles,
  createOutputFolder,
  type SparseStored,
  sparseConfig,
  writeConfig,
  writeSparseWeights,
  writeTokenizerFiles,
} from '@sinter/model'
import { castTo, dtypes, sizeOf } from '@sinter/tensor-core'
import type { CompressedSource } from '../run/compressed-source.ts'
import type { Format, Notes, OutputJob } from './format.ts'

/** A folder where matrices with many zeros take less room: a mask or the codes of an n:m pattern, and the other values. */
export const sparse: Format = {
  name: 'sparse',
  title: 'folder with sparse matrices, for Sinter',
  types: ['smallest', 'bitmask'],
  // How many zeros there will be is not known before: dense is the most that it can be.
  stored: (_, { dtype, shape }) => ({ type: dtype, bytes: sizeOf(shape) * dtypes[dtype].bytes }),
  warning:
    'readers of dense models refuse a folder with sparse matrices: `sinter convert FOLDER --to hf` expands it to the same bytes ' +
    'that the format hf would have had',
  write: writeFolder,
}

async function writeFolder(job: OutputJob, source: CompressedSource, checkpoint: Checkpoint): Promise<Notes> {
  const output = await createOutputFolder(job.out, { input: job.input })
  try {
    const stored = await writeWeights(job, source, output.staging)
    await copySideFiles(checkpoint.folder, checkpoint.files, output.staging, ['config.json'])
    if (checkpoint.files.length === 0) await writeTokenizerFiles(output.staging, checkpoint)
    await writeConfig(output.staging, configOf(job, checkpoint, stored))
    await output.commit()
    return notesOf(job, stored)
  } catch (error) {
    await output.abort()
    throw error
  }
}

function writeWeights(job: OutputJob, source: CompressedSource, folder: string): Promise<readonly SparseStored[]> {
  const input = {
    names: source.inBlockOrder(),
    info: source.info,
    async *pieces(name: string) {
      const { dtype } = source.info(name)
      for await (const { start, rows } of source.pieces(name))
        yield { start, rows: rows.dtype === dtype ? rows : castTo(rows, dtype) }
    },
  }
  return writeSparseWeights(folder, input, {
    layout: job.type === 'bitmask' ? 'bitmask' : 'smallest',
    signal: job.signal,
    onTensor: job.onProgress,
  })
}

function configOf({ type }: OutputJob, { config }: Checkpoint, stored: readonly SparseStored[]): Checkpoint['config'] {
  if (type === 'bitmask') {
    const modules = stored.map(({ name }) => name.slice(0, -'.weight'.length))
    return bitmaskConfig(config, modules, 1 - sum(stored, 'kept') / Math.max(1, sum(stored, 'elements')))
  }
  return sparseConfig(config, countForms(stored))
}

const sum = (stored: readonly SparseStored[], key: 'kept' | 'elements'): number =>
  stored.reduce((total, tensor) => total + tensor[key], 0)

function countForms(stored: readonly SparseStored[]): Record<string, number> {
  const forms: Record<string, number> = {}
  for (const { form } of stored) forms[form] = (forms[form] ?? 0) + 1
  return forms
}

/** Matrices with few zeros are smaller as plain numbers; whoever asked for a sparse file wants to know how many there are. */
function notesOf({ compressed }: OutputJob, stored: readonly SparseStored[]): Notes {
  const names = new Set(stored.map(({ name }) => name))
  const dense = [...compressed].filter(name => !names.has(name))
  if (dense.length === 0) return []
  const message = `${dense.length} of ${compressed.size} compressed matrices have too few zeros and are stored as plain numbers`
  return [{ layer: 'sparse', note: { code: 'sparse', message } }]
}
