import { basename } from 'node:path'
import { writeGgufAdapter } from '@sinter/lowrank'
import {
  blockGrids,
  type Checkpoint,
  encodedBytes,
  encodingNamed,
  encodings,
  findMix,
  ggufMixes,
  mixFactsOf,
  planGguf,
  type TensorInfo,
  typesOfMix,
  writeGguf,
} from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import { mixNamed } from '../convert/choose-types.ts'
import { ggufRoute } from '../convert/convert-gguf.ts'
import type { CompressedSource } from '../run/compressed-source.ts'
import { exactBytes } from './exact-bytes.ts'
import type { Fit, Format, Notes, OutputJob, Stored, TypedModel } from './format.ts'

/** What an encoding that holds a method's own codes and scales asks of its grid. */
function fit(type: string): Fit | undefined {
  const encoding = baseOf(type)
  const grid = blockGrids[encoding]
  if (!grid) return undefined
  const { bits, groupSize, symmetric, zero, scaleDType, supers, levels } = grid
  const scales = scaleDType === 'e8m0' ? {} : { scaleDType }
  return {
    fixed: { encoding, bits, groupSize, symmetric, ...(!symmetric && { zero }), ...scales },
    special: supers !== undefined || levels !== undefined,
    holds:
      `${bits}-bit codes in groups of ${groupSize}, ${symmetric ? 'symmetric' : 'with a minimum'}, scales in ` +
      (supers ? `two levels, ${supers.size} columns under one in f16` : levels ? 'powers of two' : 'f16'),
  }
}

/** What most matrices of a mix are. */
const baseOf = (type: string): string => findMix(type)?.mix.base ?? type

/** As llama.cpp's preset of the name has it, with an importance matrix or without, for a file of the same size. */
function typesOf(
  type: string,
  { configFile, source }: TypedModel,
  weighed: boolean,
): ReadonlyMap<string, string> | undefined {
  const found = findMix(type)
  if (!found || plainEncodings.includes(found.mix.base)) return undefined
  const { tensors, metadata } = planGguf(configFile, source)
  const rows = typesOfMix(found.mix, tensors, mixFactsOf(metadata), weighed)
  // What no mix rounds is F32, as in the files that other converters make.
  return new Map(tensors.map(({ from }, i) => [from, rows[i]!.type ?? 'F32']))
}

/** Types that llama.cpp reads adapters in. */
const adapterTypes = ['F32', 'F16', 'BF16'] as const

/** One file with ggml's block encodings. */
export const gguf: Format = {
  name: 'gguf',
  title: 'GGUF file for llama.cpp',
  types: ['F16', ...new Set([...writable(), ...Object.keys(ggufMixes).filter(name => name !== 'F16')])],
  file: 'model.gguf',
  whyNot: type =>
    encodings.some(({ name }) => name === type.toUpperCase())
      ? `${encodingNamed(type).name} can be read but not written`
      : undefined,
  typesOf,
  fit,
  recoding,
  stored,
  write: writeFile,
  conversion: { typeNamed: type => mixNamed(type).name, route: ggufRoute },
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

/** llama.cpp computes with vectors in f32; matrices that neither a step nor a mix takes stay at 16 bits. */
function stored(encoding: string, { shape }: TensorInfo, compressed: boolean): Stored {
  const matrix = compressed || encoding === 'F32' ? baseOf(encoding) : 'F16'
  const wanted = shape.length === 1 ? 'F32' : matrix
  const fits = (shape.at(-1) ?? 1) % encodingNamed(wanted).blockSize === 0
  const type = fits ? wanted : 'F16'
  return { type, bytes: encodedBytes(encodingNamed(type), sizeOf(shape)) }
}

async function writeFile(job: OutputJob, source: CompressedSource, checkpoint: Checkpoint): Promise<Notes> {
  const encoding = baseOf(job.type)
  const kept = keptEncoding(encoding)
  const typeOf = (name: string) => job.types?.get(name) ?? (job.compressed.has(name) ? encoding : kept)
  const plan = await writeGguf(
    job.out,
    { ...checkpoint, source },
    {
      encoding,
      name: basename(job.input),
      fileType: findMix(job.type)?.mix.fileType,
      encodingOf: tensor => typeOf(tensor.from),
      bytesOf: async tensor => {
        const weight = await source.weight(tensor.from)
        return weight && exactBytes(weight, typeOf(tensor.from), tensor.layout.rowOrder)
      },
      threads: job.threads,
      signal: job.signal,
      onTensor: job.onProgress,
    },
  )
  return plan.notes.map(message => ({ layer: 'gguf', note: { code: 'gguf', message } }))
}

/** Matrices that are protected, or that no step takes inside the blocks, stay as exact as llama.cpp can hold them at 16 bits. */
const keptEncoding = (encoding: string): string => (encoding === 'F32' ? 'F32' : 'F16')
