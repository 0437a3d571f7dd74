import { type Checkpoint, createOutputFolder, onnxTypes, roundedAs, type TensorInfo, writeOnnx } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import type { TensorRole } from '../plan/tensors.ts'
import type { CompressedSource } from '../run/compressed-source.ts'
import type { Format, Notes, OutputJob, Stored } from './format.ts'

interface Runtime {
  readonly name: string
  readonly title: string
  /** onnxruntime-genai feeds fewer inputs, and has a configuration of its own. */
  readonly genai: boolean
}

/** A decoder with its cache. */
const decoderFor = ({ name, title, genai }: Runtime): Format => ({
  name,
  title,
  types: onnxTypes.map(({ name }) => name),
  stored,
  rounded,
  // Its own operator, or ordinary operations: every representation can be computed.
  cannotHold: () => undefined,
  write: (job, source, checkpoint) => writeFolder(job, source, checkpoint, genai),
})

/** As transformers.js loads it in Node and in browsers. */
export const onnx: Format = decoderFor({
  name: 'onnx',
  title: 'ONNX decoder for transformers.js and ONNX Runtime',
  genai: false,
})

export const onnxGenai: Format = decoderFor({
  name: 'onnx-genai',
  title: 'ONNX decoder for onnxruntime-genai',
  genai: true,
})

const linearOf = (type: string) => onnxTypes.find(({ name }) => name === type)!.linear

/** Matrices that nothing compresses stay at 16 bits, vectors at 32. Compressed ones are counted as rounding here would leave them. */
function stored(type: string, { shape }: TensorInfo, compressed: boolean): Stored {
  const count = sizeOf(shape)
  const linear = linearOf(type)
  if (shape.length === 1 || linear === 'f32') return { type: 'f32', bytes: 4 * count }
  if (!compressed || linear === 'f16') return { type: 'f16', bytes: 2 * count }
  return { type, bytes: Math.ceil((count * linear) / 8) + 2 * Math.ceil(count / 32) }
}

function rounded(type: string, { role, matrix, shape }: TensorRole): Stored {
  const table = role === 'embedding' || role === 'head'
  const size = matrix ?? (table && shape.length === 2 ? ([shape[0]!, shape[1]!] as const) : undefined)
  if (!size) return { type: 'f32', bytes: 4 * sizeOf(shape) }
  const { encoding, bytes } = roundedAs(type, size, table)
  return { type: encoding, bytes }
}

async function writeFolder(
  job: OutputJob,
  source: CompressedSource,
  checkpoint: Checkpoint,
  genai: boolean,
): Promise<Notes> {
  const output = await createOutputFolder(job.out, { input: job.input })
  const kept = linearOf(job.type) === 'f32' ? 'f32' : 'f16'
  const rest = job.round ? {} : ({ linear: kept, embeddings: kept } as const)
  try {
    const { notes } = await writeOnnx(
      output.staging,
      { ...checkpoint, source: withRows(source, checkpoint) },
      { type: job.type, ...rest, genai, signal: job.signal, onTensor: job.onProgress },
    )
    await output.commit()
    return notes.map(message => ({ layer: 'onnx', note: { code: 'onnx', message } }))
  } catch (error) {
    await output.abort()
    throw error
  }
}

/** Embeddings are as they were: their rows come from the original, a piece at a time. */
const withRows = (source: CompressedSource, { source: original }: Checkpoint) => ({
  names: source.names,
  info: source.info,
  read: source.read,
  weight: source.weight,
  readRows: (name: string, start: number, count: number) => original.readRows(name, start, count),
})
