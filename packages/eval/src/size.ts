import type { Model } from '@sinter/model'
import type { BitCount, Weight } from '@sinter/tensor-core'
import { blockBits } from './block-bits.ts'
import { type DiskBytes, diskBytes } from './disk-bytes.ts'
import { countNonZero, parameterNames } from './parameters.ts'

export interface Size {
  readonly parameters: {
    /** A tied embedding counts once; masks and tables that checkpoints store beside the parameters do not. */
    readonly total: number
    /** Without token and position embeddings and the output embedding. */
    readonly nonEmbedding: number
    /** Only when asked for: every tensor is read. */
    readonly nonZero?: number
  }
  /** Bytes of all parameters, by what they are spent on. */
  readonly bytes: TensorBytes
  readonly bitsPerWeight: {
    /** Of the compressed matrices alone, scales and indices included; null when nothing is compressed. */
    readonly compressed: number | null
    /** 8 · bytes / parameters of the whole model. */
    readonly model: number
  }
  /** How many times smaller than … Absent without an original. */
  readonly ratio?: {
    /** … the original in the precision it was shipped in. */
    readonly shipped: number
    /** … the original's parameters in 16 bits. */
    readonly f16: number
  }
  readonly disk: DiskBytes
}

export interface TensorBytes {
  readonly values: number
  readonly scales: number
  readonly zeroPoints: number
  readonly indices: number
  /** Tensors that no method touched, in their stored type. */
  readonly untouched: number
  readonly total: number
}

export interface SizeOptions {
  /**
   * Compressed matrices by their name in the checkpoint, when their representation is smaller than the file (a folder of
   * dense tensors holds the values only). Block-encoded tensors of a GGUF are counted without it.
   */
  readonly weights?: ReadonlyMap<string, Pick<Weight, 'bits'>> | undefined
  readonly original?: Model | undefined
  readonly countZeros?: boolean | undefined
}

/** Sizes of a model: parameters, bytes by purpose, bits per weight. A mask without a sparse format compresses nothing. */
export async function measureSize(
  model: Model,
  { weights = new Map(), original, countZeros = false }: SizeOptions = {},
): Promise<Size> {
  const names = parameterNames(model)
  const tally = { values: 0, scales: 0, zeroPoints: 0, indices: 0, untouched: 0, compressed: 0 }
  for (const name of names.all) addTensor(tally, model, name, weights.get(name)?.bits())
  const { compressed, ...bits } = tally
  const total = Object.values(bits).reduce((sum, count) => sum + count, 0)
  const parameters = elements(model, names.all)
  return {
    parameters: {
      total: parameters,
      nonEmbedding: parameters - elements(model, names.embeddings),
      ...(countZeros && { nonZero: await countNonZero(model.source, names.all) }),
    },
    bytes: { ...(mapValues(bits, count => count / 8) as Omit<TensorBytes, 'total'>), total: total / 8 },
    bitsPerWeight: {
      compressed: compressed > 0 ? (total - bits.untouched) / compressed : null,
      model: total / parameters,
    },
    ...(original && { ratio: ratioTo(original, total) }),
    disk: await diskBytes(model),
  }
}

type Tally = Record<keyof BitCount | 'untouched' | 'compressed', number>

/** Adds bits; `compressed` counts weights. */
function addTensor(tally: Tally, { source }: Model, name: string, known: BitCount | undefined): void {
  const info = source.info(name)
  const bits =
    known ?? (isFloatName(info.encoding) ? undefined : blockBits(info.encoding, info.bytes, count(info.shape)))
  if (!bits) {
    tally.untouched += info.bytes * 8
    return
  }
  tally.compressed += count(info.shape)
  for (const key of ['values', 'scales', 'zeroPoints', 'indices'] as const) tally[key] += bits[key]
}

const isFloatName = (encoding: string): boolean => /^(F64|F32|F16|BF16)$/.test(encoding)

const count = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1)

const elements = ({ source }: Model, names: readonly string[]): number =>
  names.reduce((sum, name) => sum + count(source.info(name).shape), 0)

function ratioTo(original: Model, bits: number): { shipped: number; f16: number } {
  const { all } = parameterNames(original)
  const shipped = all.reduce((sum, name) => sum + original.source.info(name).bytes * 8, 0)
  return { shipped: shipped / bits, f16: (elements(original, all) * 16) / bits }
}

const mapValues = (record: Readonly<Record<string, number>>, f: (value: number) => number): Record<string, number> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]))
