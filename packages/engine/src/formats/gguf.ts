import { basename } from 'node:path'
import { writeGgufAdapter } from '@sinter/lowrank'
import { type Checkpoint, encodedBytes, encodingNamed, encodings, type TensorInfo, writeGguf } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import type { CompressedSource } from '../run/compressed-source.ts'
import { exactBytes } from './exact-bytes.ts'
import type { Fit, Format, Notes, OutputJob, Stored } from './format.ts'

const blocks32 = { groupSize: 32, scaleDType: 'f16' } as const

const holds = (bits: number, kind: string): string => `${bits}-bit codes in groups of 32, ${kind}, scales in f16`

/** Encodings that hold a method's own codes and scales, and what that asks of the grid. One line an encoding. */
const fits: Readonly<Record<string, Fit>> = {
  Q4_0: { fixed: { ...blocks32, bits: 4, symmetric: true }, holds: holds(4, 'symmetric') },
  Q4_1: { fixed: { ...blocks32, bits: 4, symmetric: false, zero: 'min' }, holds: holds(4, 'with a minimum') },
  Q8_0: { fixed: { ...blocks32, bits: 8, symmetric: true }, holds: holds(8, 'symmetric') },
}

/** Types that llama.cpp reads adapters in. */
const adapterTypes = ['F32', 'F16', 'BF16'] as const

/** One file with ggml's block encodings. */
export const gguf: Format = {
  name: 'gguf',
  title: 'GGUF file for llama.cpp',
  types: ['F16', ...writable()],
  file: 'model.gguf',
  whyNot: type =>
    encodings.some(({ name }) => name === type.toUpperCase())
      ? `${encodingNamed(type).name} can be read but not written`
      : undefined,
  fit: type => fits[type],
  recoding,
  stored,
  write: writeFile,
  adapter: {
    types: adapterTypes,
    write: (path, model, adapter, type) =>
      writeGgufAdapter(path, model, adapter, { encoding: type as (typeof adapterTypes)[number] }),
  },
}

function writable(): string[] {
  return encodings.filter(({ name, encode }) => encode && name !== 'F16').map(encoding => encoding.name)
}

const plainEncodings: readonly string[] = ['F32', 'F16', 'BF16']

function recoding(type: string, method: string, inputs: number, fits: boolean): string | undefined {
  if (plainEncodings.includes(type)) return undefined
  if (inputs % 32 !== 0) return `its ${inputs} inputs do not divide into blocks of 32: stored as F16`
  return fits ? undefined : `${type} cannot hold what ${method} makes: its values are rounded once more`
}

/** llama.cpp computes with vectors in f32; matrices that nothing compresses stay at 16 bits. */
function stored(encoding: string, { shape }: TensorInfo, compressed: boolean): Stored {
  const matrix = compressed || encoding === 'F32' ? encoding : 'F16'
  const wanted = shape.length === 1 ? 'F32' : matrix
  const fits = (shape.at(-1) ?? 1) % encodingNamed(wanted).blockSize === 0
  const type = fits ? wanted : 'F16'
  return { type, bytes: encodedBytes(encodingNamed(type), sizeOf(shape)) }
}

async function writeFile(job: OutputJob, source: CompressedSource, checkpoint: Checkpoint): Promise<Notes> {
  const encoding = job.type
  const kept = keptEncoding(encoding)
  const plan = await writeGguf(
    job.out,
    { ...checkpoint, source },
    {
      encoding,
      name: basename(job.input),
      encodingOf: tensor => (job.compressed.has(tensor.from) ? encoding : kept),
      bytesOf: async tensor => {
        job.signal?.throwIfAborted()
        const weight = await source.weight(tensor.from)
        return weight && exactBytes(weight, encoding, tensor.layout.rowOrder)
      },
      onTensor: job.onProgress,
    },
  )
  return plan.notes.map(message => ({ layer: 'gguf', note: { code: 'gguf', message } }))
}

/** Matrices that the plan keeps (embedding, head) stay as exact as llama.cpp can hold them at 16 bits. */
const keptEncoding = (encoding: string): string => (encoding === 'F32' ? 'F32' : 'F16')
