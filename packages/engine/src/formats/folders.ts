import {
  type Checkpoint,
  type FolderFormat,
  familyOf,
  folderFormatNamed,
  SinterError,
  writeCompressedFolder,
} from '@sinter/model'
import { dtypes, sizeOf } from '@sinter/tensor-core'
import type { CompressedSource } from '../run/compressed-source.ts'
import type { Fit, Format, Notes, OutputJob } from './format.ts'

/** A type of a folder format: its name in the model package's table, and what it asks of a grid. */
interface FolderType {
  readonly folder: string
  readonly fit?: Fit
}

const whole = { zero: 'integer' } as const
const halves = { ...whole, scaleDType: 'f16' } as const

const folder = (name: string, title: string, types: Readonly<Record<string, FolderType>>): Format => ({
  name,
  title,
  types: Object.keys(types),
  fit: type => types[type]!.fit,
  stored: (_, { dtype, shape }, compressed, bitsPerWeight) => {
    const plain = 8 * dtypes[dtype].bytes
    const bits = compressed && bitsPerWeight !== undefined ? bitsPerWeight : plain
    return { type: dtype, bytes: Math.ceil((sizeOf(shape) * bits) / 8) }
  },
  cannotHold: (type, weight) => formatOf(types, type).cannotHold(weight),
  write: (job, source, checkpoint) => write(formatOf(types, job.type), job, source, checkpoint),
})

const formatOf = (types: Readonly<Record<string, FolderType>>, type: string): FolderFormat =>
  folderFormatNamed(types[type]!.folder)

/** Folders that hold the codes and scales of a compressed model, for servers and for transformers. One line each. */
export const folders: readonly Format[] = [
  folder('compressed-tensors', 'compressed-tensors folder for vLLM and transformers', {
    'pack-quantized': {
      folder: 'compressed-tensors',
      fit: { fixed: whole, holds: 'codes of 2, 4 and 8 bits with whole zero points' },
    },
    'int-quantized': {
      folder: 'compressed-tensors:int-quantized',
      fit: { fixed: { ...whole, bits: 8, groupSize: -1 }, holds: '8-bit codes with a scale for every row' },
    },
  }),
  folder('gptq', 'GPTQ folder for GPTQModel, vLLM and transformers', {
    v1: {
      folder: 'gptq',
      fit: {
        fixed: { ...halves, symmetric: true },
        anyColumns: true,
        holds: 'symmetric codes of 2, 3, 4 and 8 bits, scales in f16',
      },
    },
    v2: {
      folder: 'gptq:v2',
      fit: {
        fixed: halves,
        anyColumns: true,
        holds: 'codes of 2, 3, 4 and 8 bits with whole zero points, scales in f16',
      },
    },
  }),
  folder('awq', 'AWQ folder, GEMM layout', {
    gemm: {
      folder: 'awq',
      fit: { fixed: { ...halves, bits: 4 }, holds: '4-bit codes with whole zero points, scales in f16' },
    },
  }),
  folder('bitsandbytes', 'bitsandbytes folder: NF4 and FP4, and LLM.int8()', {
    '4bit': { folder: 'bitsandbytes' },
    int8: { folder: 'bitsandbytes:int8' },
  }),
  folder('hqq', 'HQQ folder', { '1d': { folder: 'hqq', fit: { fixed: whole, holds: 'codes of 2 to 8 bits' } } }),
]

async function write(
  format: FolderFormat,
  job: OutputJob,
  source: CompressedSource,
  checkpoint: Checkpoint,
): Promise<Notes> {
  checkOrientation(format.name, checkpoint)
  const { names: _, ...rest } = source
  const { notes } = await writeCompressedFolder(
    job.out,
    { ...checkpoint, source: { ...rest, names: source.inBlockOrder } },
    format,
    { input: job.input, onTensor: job.onProgress, signal: job.signal, allowPlain: true },
  )
  return notes.map(message => ({ layer: format.name, note: { code: 'folder', message } }))
}

/** @throws SinterError `option` for families whose checkpoints keep matrices turned */
export function checkOrientation(format: string, { config }: Pick<Checkpoint, 'config'>): void {
  const { name, transposed } = familyOf(config.model_type)
  if (transposed && transposed.length > 0)
    throw new SinterError(
      'option',
      `${format} is for linear layers [out, in], and ${name} keeps its own as [in, out]; use the format hf or gguf`,
    )
}
