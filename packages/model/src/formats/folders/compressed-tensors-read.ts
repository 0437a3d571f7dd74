import { floatGridWeight, type GridElement, type Tensor, type TypedArray, type Weight } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import type { TensorInfo, TensorSource } from '../source.ts'
import { transposed } from '../transposed.ts'
import { type CtScheme, fittingScheme, readSchemes } from './compressed-tensors-schemes.ts'
import type { FoundMatrix } from './folder-format.ts'
import { type Layer, layerError, layersWith, partNames, partOf, readPart } from './found.ts'
import { orderIn } from './gptq.ts'
import { codesInOrder, gridWeight } from './on-grid.ts'
import { unpackAlongColumns, unpackAlongRows, unpackWholeCodes, wordsFor } from './words.ts'

const suffixes = [
  'weight',
  'weight_packed',
  'weight_scale',
  'weight_zero_point',
  'weight_shape',
  'weight_g_idx',
  'weight_global_scale',
  // Of inputs, outputs and caches, which are not rounded here.
  'input_scale',
  'input_zero_point',
  'input_global_scale',
  'output_scale',
  'output_zero_point',
]

/** @throws FormatError for schemes that are not known and tensors that do not fit them */
export async function findCompressedTensors(config: Config, source: TensorSource): Promise<FoundMatrix[]> {
  const schemes = readSchemes(config)
  const found: FoundMatrix[] = []
  for (const layer of layersWith(source, 'weight_packed', suffixes)) found.push(await packed(layer, schemes, source))
  for (const layer of layersWith(source, 'weight_scale', suffixes))
    if (layer.parts.has('weight')) found.push(bytes(layer, schemes, source))
  return found
}

const floats = ['f16', 'bf16', 'f32'] as const

type Shape = readonly [number, number]

const entry = (layer: Layer, shape: Shape, encoding: string, read: () => Promise<Weight>): FoundMatrix => ({
  name: `${layer.stem}.weight`,
  shape,
  encoding,
  parts: partNames(layer),
  read,
})

async function packed(layer: Layer, schemes: readonly CtScheme[], source: TensorSource): Promise<FoundMatrix> {
  const { dtype } = partOf(layer, 'weight_packed', ['i32', 'u8'], [-1, -1])
  return dtype === 'u8' ? packedFloats(layer, source) : packedInts(layer, schemes, source)
}

function packedFloats(layer: Layer, source: TensorSource): FoundMatrix {
  const [rows, half] = layer.parts.get('weight_packed')!.shape as Shape
  const shape: Shape = [rows, 2 * half]
  const nvidia = layer.parts.has('weight_global_scale')
  const columns = nvidia ? 16 : 32
  partOf(layer, 'weight_scale', nvidia ? ['f8e4m3'] : ['u8'], [rows, Math.ceil(shape[1] / columns)])
  if (nvidia) partOf(layer, 'weight_global_scale', ['f32'], [1])
  return entry(layer, shape, nvidia ? 'NVFP4' : 'MXFP4', async () => {
    const global = nvidia ? (await readPart(source, layer, 'weight_global_scale')).data[0] : undefined
    if (global !== undefined && (!Number.isFinite(global) || global === 0))
      throw layerError(layer, `weight_global_scale is ${global}`)
    return floatGridWeight({
      shape,
      element: 'e2m1',
      block: [1, columns],
      codes: (await readPart(source, layer, 'weight_packed')).data as Uint8Array,
      scales: await readPart(source, layer, 'weight_scale'),
      ...(global !== undefined && { globalScale: Number(global) }),
    })
  })
}

/** Packed codes tell their number of bits, for the width of the matrix is known. */
async function packedInts(layer: Layer, schemes: readonly CtScheme[], source: TensorSource): Promise<FoundMatrix> {
  const words = partOf(layer, 'weight_packed', ['i32'], [-1, -1]).shape as Shape
  const shape = await shapeOf(layer, words[0], source)
  const scale = partOf(layer, 'weight_scale', floats)
  const scheme = fittingScheme(layer, schemes, shape, scale.shape, bits =>
    wordWidths(shape[1], bits).includes(words[1]),
  )
  const { bits, groupSize } = scheme
  const grid = gridShape(layer, scale, shape, groupSize)
  if (layer.parts.has('weight_zero_point'))
    partOf(layer, 'weight_zero_point', ['i32'], [wordsFor(grid[0], bits), grid[1]])
  if (layer.parts.has('weight_g_idx')) partOf(layer, 'weight_g_idx', ['i32', 'i64'], [shape[1]])
  const dense = words[1] === wordsFor(shape[1], bits)
  return entry(layer, shape, `${bits}-bit packed`, async () => {
    const part = (suffix: string) => readPart(source, layer, suffix)
    const data = (await part('weight_packed')).data as Int32Array
    const codes = (dense ? unpackAlongColumns : unpackWholeCodes)(data, shape, bits)
    const order = layer.parts.has('weight_g_idx') ? orderIn(layer, await part('weight_g_idx'), groupSize) : undefined
    const zeros = layer.parts.has('weight_zero_point')
      ? unpackAlongRows((await part('weight_zero_point')).data as Int32Array, grid, bits)
      : undefined
    const scales = { ...(await part('weight_scale')), shape: grid }
    const rowZeros = zeros && transposed(zeros, [grid[1], grid[0]])
    return gridWeight({ shape, bits, groupSize, codes: codesInOrder(codes, order), scales }, rowZeros, order)
  })
}

/** Words of a row, as they are packed now and as up to 0.17. */
const wordWidths = (width: number, bits: number): number[] => [
  wordsFor(width, bits),
  Math.ceil(width / Math.floor(32 / bits)),
]

async function shapeOf(layer: Layer, rows: number, source: TensorSource): Promise<Shape> {
  partOf(layer, 'weight_shape', ['i64', 'i32'], [2])
  const { data } = await readPart(source, layer, 'weight_shape')
  const [out, width] = Array.from(data as BigInt64Array, Number) as [number, number]
  if (out !== rows || !(width > 0 && width <= 2 ** 24))
    throw layerError(layer, `weight_shape is [${out}, ${width}], and there are ${rows} rows of codes`, 'size')
  return [out, width]
}

/** Scales `[out, groups]`, or one for the matrix as `[1, 1]`. */
function gridShape(layer: Layer, scale: TensorInfo, [out, width]: Shape, groupSize: number): Shape {
  const groups = Math.ceil(width / groupSize)
  const text = scale.shape.join()
  if (text === `${out},${groups}` || (text === `${out}` && groups === 1)) return [out, groups]
  if ((text === '1' || text === '' || text === '1,1') && groups === 1) return [1, 1]
  throw layerError(layer, `weight_scale: expected [${out}, ${groups}], got [${scale.shape}]`, 'size')
}

function bytes(layer: Layer, schemes: readonly CtScheme[], source: TensorSource): FoundMatrix {
  const { dtype, shape } = partOf(layer, 'weight', ['i8', 'f8e4m3', 'f8e5m2'], [-1, -1])
  return dtype === 'i8'
    ? intBytes(layer, schemes, shape as Shape, source)
    : floatBytes(layer, schemes, shape as Shape, dtype === 'f8e4m3' ? 'e4m3' : 'e5m2', source)
}

function intBytes(layer: Layer, schemes: readonly CtScheme[], shape: Shape, source: TensorSource): FoundMatrix {
  const scale = partOf(layer, 'weight_scale', floats)
  const { bits, groupSize } = fittingScheme(layer, schemes, shape, scale.shape, () => true)
  const grid = gridShape(layer, scale, shape, groupSize)
  if (layer.parts.has('weight_zero_point')) partOf(layer, 'weight_zero_point', ['i8'], scale.shape)
  return entry(layer, shape, `INT${bits}`, async () => {
    const part = (suffix: string) => readPart(source, layer, suffix)
    const unsigned = (data: TypedArray): Uint8Array => unsignedCodes(layer, data as Int8Array, bits)
    const zeros = layer.parts.has('weight_zero_point') ? unsigned((await part('weight_zero_point')).data) : undefined
    const scales = { ...(await part('weight_scale')), shape: grid }
    return gridWeight({ shape, bits, groupSize, codes: unsigned((await part('weight')).data), scales }, zeros)
  })
}

function unsignedCodes(layer: Layer, data: Int8Array, bits: number): Uint8Array {
  const half = 2 ** (bits - 1)
  return Uint8Array.from(data, code => {
    if (code < -half || code >= half) throw layerError(layer, `a code of ${code} does not fit into ${bits} bits`)
    return code + half
  })
}

function floatBytes(
  layer: Layer,
  schemes: readonly CtScheme[],
  shape: Shape,
  element: GridElement,
  source: TensorSource,
): FoundMatrix {
  const scale = partOf(layer, 'weight_scale', [...floats, 'u8'])
  const block = floatBlock(layer, schemes, shape, scale)
  const grid: Shape = [Math.ceil(shape[0] / block[0]), Math.ceil(shape[1] / block[1])]
  return entry(layer, shape, scale.dtype === 'u8' ? 'MXFP8' : 'FP8', async () =>
    floatGridWeight({
      shape,
      element,
      block,
      codes: (await readPart(source, layer, 'weight')).data as Uint8Array,
      scales: { ...((await readPart(source, layer, 'weight_scale')) as Tensor), shape: grid },
    }),
  )
}

/** From the shape of the scales; only tiles have to be named by the config. */
function floatBlock(
  layer: Layer,
  schemes: readonly CtScheme[],
  [out, width]: Shape,
  { shape, dtype }: TensorInfo,
): Shape {
  const [rows = 1, cols = 1] = shape
  if (dtype === 'u8') {
    partOf(layer, 'weight_scale', ['u8'], [out, Math.ceil(width / 32)])
    return [1, 32]
  }
  if (rows === 1 && cols === 1) return [out, width]
  if (rows === out && cols === 1) return [1, width]
  const tiles = schemes.map(scheme => scheme.block ?? (scheme.groupSize && ([1, scheme.groupSize] as const)))
  const fits = ([tall, wide]: Shape) => rows === Math.ceil(out / tall) && cols === Math.ceil(width / wide)
  const found = tiles.find((tile): tile is Shape => tile !== undefined && tile !== 0 && fits(tile))
  if (found) return found
  throw layerError(layer, `weight_scale [${shape}] fits no block_structure or group_size of the config`, 'size')
}
