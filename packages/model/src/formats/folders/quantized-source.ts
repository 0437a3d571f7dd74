import type { Tensor, Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import { checkRows, type TensorInfo, type TensorSource } from '../source.ts'
import type { FoundMatrix } from './folder-format.ts'
import { folderFormatOf } from './folder-formats.ts'

/**
 * A folder of compressed matrices under the names of the model: `read` gives their values, `weight` the form in which they are stored.
 * @param config `quantization_config`
 * @throws FormatError `unsupported` for a format that is not read; what its reader finds wrong
 */
export async function quantizedSource(config: Config, source: TensorSource): Promise<TensorSource> {
  const matrices = await folderFormatOf(config).find(config, source)
  const byName = new Map<string, FoundMatrix>()
  for (const matrix of matrices) {
    if (byName.has(matrix.name))
      throw new FormatError('duplicate', `the tensor ${JSON.stringify(matrix.name)} is stored in two ways`)
    byName.set(matrix.name, matrix)
  }
  const hidden = new Set(matrices.flatMap(matrix => matrix.parts))
  const twice = matrices.find(({ name }) => source.has(name) && !hidden.has(name))
  if (twice)
    throw new FormatError('duplicate', `the tensor ${JSON.stringify(twice.name)} is stored plain and compressed`)
  const plain = source.names().filter(name => !hidden.has(name) && !ofActivations.test(name))
  return view(source, byName, new Set(plain))
}

/** Scales of what flows through the model: nothing here rounds that. */
const ofActivations = /\.([qkv]|input|output)_(scale|zero_point|global_scale)$/

function view(
  source: TensorSource,
  matrices: ReadonlyMap<string, FoundMatrix>,
  plain: ReadonlySet<string>,
): TensorSource {
  const last = lastWeight()
  const missing = (name: string) => new FormatError('missing', `there is no tensor ${JSON.stringify(name)}`)
  const other = (name: string): string => {
    if (plain.has(name)) return name
    throw missing(name)
  }
  return {
    kind: source.kind,
    names: () => [...plain, ...matrices.keys()],
    has: name => matrices.has(name) || plain.has(name),
    info: name => {
      const matrix = matrices.get(name)
      return matrix ? infoOf(matrix, source) : source.info(other(name))
    },
    async read(name, into) {
      const matrix = matrices.get(name)
      return matrix ? (await matrix.read()).dense() : source.read(other(name), into)
    },
    async readRows(name, start, count, into) {
      const matrix = matrices.get(name)
      if (!matrix) return source.readRows(other(name), start, count, into)
      checkRows(name, matrix.shape, start, count)
      return rowsOf(await last(matrix), start, count)
    },
    weight: async name => (matrices.has(name) ? matrices.get(name)!.read() : source.weight?.(name)),
    close: () => source.close(),
  }
}

function infoOf({ encoding, shape, parts }: FoundMatrix, source: TensorSource): TensorInfo {
  return { encoding, dtype: 'f32', shape, bytes: parts.reduce((sum, part) => sum + source.info(part).bytes, 0) }
}

/** Rows of an embedding or head are asked for piece by piece: the matrix is kept until another one is wanted. */
function lastWeight(): (matrix: FoundMatrix) => Promise<Weight> {
  let held: { readonly matrix: FoundMatrix; readonly weight: Promise<Weight> } | undefined
  return matrix => {
    if (held?.matrix !== matrix) held = { matrix, weight: matrix.read() }
    return held.weight
  }
}

function rowsOf(weight: Weight, start: number, count: number): Tensor {
  const data = new Float32Array(count * weight.shape[1])
  weight.denseRows(start, start + count, data)
  return { dtype: 'f32', shape: [count, weight.shape[1]], data }
}
