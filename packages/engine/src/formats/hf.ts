import { writePeft } from '@sinter/lowrank'
import {
  type Checkpoint,
  copySideFiles,
  createOutputFolder,
  createWeightsWriter,
  type WeightsWriter,
  writeConfig,
  writeTokenizerFiles,
} from '@sinter/model'
import { castTo, type DType, dtypes, sizeOf } from '@sinter/tensor-core'
import type { CompressedSource } from '../run/compressed-source.ts'
import type { Format, Notes, OutputJob } from './format.ts'

/** The layout of transformers: plain numbers in safetensors, config and tokenizer beside them. */
export const hf: Format = {
  name: 'hf',
  title: 'Hugging Face folder, dense',
  types: ['keep', 'f32', 'f16', 'bf16'],
  withDtype: dtype => dtype,
  stored: (type, { dtype, shape }) => {
    const own = type === 'keep' ? dtype : (type as DType)
    return { type: own, bytes: sizeOf(shape) * dtypes[own].bytes }
  },
  warning:
    'a Hugging Face folder holds the compressed matrices as plain numbers: the file does not become smaller; ' +
    'a GGUF (gguf:Q4_K_S, gguf:Q4_0, gguf:Q8_0) or a folder such as compressed-tensors, gptq or awq ' +
    'does. Bits a weight are those of the compressed form',
  write: writeFolder,
  adapter: { types: ['keep', 'f32'], write: (path, model, adapter) => writePeft(path, model, adapter) },
}

async function writeFolder(job: OutputJob, source: CompressedSource, checkpoint: Checkpoint): Promise<Notes> {
  const output = await createOutputFolder(job.out, { input: job.input })
  try {
    const dtypeOf = outputDtype(job.type, source)
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
    await writeConfig(output.staging, withDtype(checkpoint.config, job.type))
    await output.commit()
    return []
  } catch (error) {
    await output.abort()
    throw error
  }
}

/** `keep`: every tensor in the type it had. Block-encoded originals have no dense type; they are widened to f32. */
function outputDtype(type: string, source: CompressedSource): (name: string) => DType {
  return name => (type === 'keep' ? source.info(name).dtype : floatNamed(type))
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
