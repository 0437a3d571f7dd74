import { basename } from 'node:path'
import {
  type Checkpoint,
  copySideFiles,
  createOutputFolder,
  createWeightsWriter,
  type WeightsWriter,
  writeConfig,
  writeGguf,
  writeTokenizerFiles,
} from '@sinter/model'
import { castTo, type DType } from '@sinter/tensor-core'
import type { OutputPlan } from '../plan/plan.ts'
import type { CompressedSource } from './compressed-source.ts'
import type { RunResult } from './events.ts'
import { exactBytes } from './exact-bytes.ts'

export interface OutputJob {
  /** Where the original lies. */
  readonly input: string
  readonly output: OutputPlan
  /** Stored names of the matrices that a block encoding is for. */
  readonly compressed: ReadonlySet<string>
  readonly out: string
  readonly signal?: AbortSignal | undefined
  readonly onProgress: (done: number, total: number) => void
}

type Notes = RunResult['notes']

/** Writes a model in the container that was asked for, one tensor at a time; it appears under its name when it is complete. */
export function writeOutput(job: OutputJob, source: CompressedSource, checkpoint: Checkpoint): Promise<Notes> {
  return (job.output.container === 'gguf' ? writeGgufFile : writeFolder)(job, source, checkpoint)
}

async function writeFolder(job: OutputJob, source: CompressedSource, checkpoint: Checkpoint): Promise<Notes> {
  const output = await createOutputFolder(job.out, { input: job.input })
  try {
    const dtypeOf = outputDtype(job.output, source)
    const names = source.inBlockOrder()
    const specs = names.map(name => ({ name, dtype: dtypeOf(name), shape: source.info(name).shape }))
    const writer = createWeightsWriter(output.staging, specs)
    const halves = halfMemory()
    try {
      for (const [i, name] of names.entries()) {
        job.signal?.throwIfAborted()
        await writeTensor(writer, source, name, dtypeOf(name), halves)
        job.onProgress(i + 1, names.length)
      }
      await writer.commit()
    } catch (error) {
      await writer.abort()
      throw error
    }
    await copySideFiles(checkpoint.folder, checkpoint.files, output.staging, ['config.json'])
    if (checkpoint.files.length === 0) await writeTokenizerFiles(output.staging, checkpoint)
    await writeConfig(output.staging, withDtype(checkpoint.config, job.output.encoding))
    await output.commit()
    return []
  } catch (error) {
    await output.abort()
    throw error
  }
}

/** `keep`: every tensor in the type it had. Block-encoded originals have no dense type; they are widened to f32. */
function outputDtype({ encoding }: OutputPlan, source: CompressedSource): (name: string) => DType {
  return name => (encoding === 'keep' ? source.info(name).dtype : floatNamed(encoding))
}

function floatNamed(encoding: string): DType {
  if (encoding === 'f32' || encoding === 'f16' || encoding === 'bf16') return encoding
  throw new TypeError(`dense output is f32, f16 or bf16, not ${encoding}`)
}

/** Converts one piece while the one before is being written. */
async function writeTensor(
  writer: WeightsWriter,
  source: CompressedSource,
  name: string,
  dtype: DType,
  halves: (count: number) => Uint16Array,
): Promise<void> {
  let written: Promise<void> = Promise.resolve()
  for await (const { start, rows } of source.pieces(name)) {
    const piece = rows.dtype === dtype ? rows : castTo(rows, dtype, halves(rows.data.length))
    await written
    const whole = rows.shape.join() === source.info(name).shape.join()
    written = whole ? writer.write(name, piece) : writer.writeRows(name, start, piece)
    written.catch(() => {})
  }
  await written
}

/** Memory for converted pieces, in turn: what was handed out stays good while the next is filled. */
function halfMemory(): (count: number) => Uint16Array {
  const arrays = [new Uint16Array(0), new Uint16Array(0)]
  let turn = 0
  return count => {
    turn = 1 - turn
    if (arrays[turn]!.length < count) arrays[turn] = new Uint16Array(count)
    return arrays[turn]!.subarray(0, count)
  }
}

const dtypeNames: Readonly<Record<string, string>> = { f32: 'float32', f16: 'float16', bf16: 'bfloat16' }

/** Readers take the type of a model from its config: it must say what the file holds. */
function withDtype(config: Checkpoint['config'], encoding: string): Checkpoint['config'] {
  const name = dtypeNames[encoding]
  if (!name) return config
  const key = 'torch_dtype' in config && !('dtype' in config) ? 'torch_dtype' : 'dtype'
  return { ...config, [key]: name }
}

async function writeGgufFile(job: OutputJob, source: CompressedSource, checkpoint: Checkpoint): Promise<Notes> {
  const { encoding } = job.output
  const kept = keptEncoding(job.output)
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
function keptEncoding({ encoding }: OutputPlan): string {
  return encoding === 'F32' ? 'F32' : 'F16'
}
