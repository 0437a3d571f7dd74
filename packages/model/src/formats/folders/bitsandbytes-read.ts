import { type BlockScales, bytesOf, codebookWeight, dynamicMap, SCALE_BLOCK, type Tensor } from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { isObject, parseJsonStrict } from '../json-strict.ts'
import type { TensorSource } from '../source.ts'
import type { FoundMatrix } from './folder-format.ts'
import { intField, type Layer, layerError, layersWith, partNames, partOf, readPart } from './found.ts'
import { type FourBitType, levelsEqual } from './four-bit-tables.ts'

const stateOf = (type: FourBitType): string => `weight.quant_state.bitsandbytes__${type}`

const suffixes = [
  'weight',
  'weight.absmax',
  'weight.quant_map',
  'weight.nested_absmax',
  'weight.nested_quant_map',
  stateOf('nf4'),
  stateOf('fp4'),
]

/** The states of layers are some hundred bytes; this is room for any spelling. */
const MAX_STATE_BYTES = 65536

/** @throws FormatError for states that cannot be read and tensors that do not fit them */
export async function findFourBit(_config: Config, source: TensorSource): Promise<FoundMatrix[]> {
  const found: FoundMatrix[] = []
  for (const type of ['nf4', 'fp4'] as const)
    for (const layer of layersWith(source, stateOf(type), suffixes)) found.push(await fourBit(layer, type, source))
  return found
}

interface State {
  readonly shape: readonly [number, number]
  readonly blockSize: number
  /** What was taken from the scales before they were quantized. */
  readonly offset: number | undefined
}

async function fourBit(layer: Layer, type: FourBitType, source: TensorSource): Promise<FoundMatrix> {
  const state = await stateIn(layer, type, source)
  const { shape, blockSize, offset } = state
  const count = shape[0] * shape[1]
  const stored = layer.parts.get('weight')
  if (stored?.bytes !== Math.ceil(count / 2))
    throw layerError(
      layer,
      `weight: expected ${Math.ceil(count / 2)} bytes for [${shape}], got ${stored?.bytes}`,
      'size',
    )
  const blocks = Math.ceil(count / blockSize)
  partOf(layer, 'weight.quant_map', ['f32'], [16])
  partOf(layer, 'weight.absmax', offset === undefined ? ['f32'] : ['u8'], [blocks])
  if (offset !== undefined) partOf(layer, 'weight.nested_absmax', ['f32'], [Math.ceil(blocks / SCALE_BLOCK)])
  return {
    name: `${layer.stem}.weight`,
    shape,
    encoding: `bitsandbytes ${type}`,
    parts: partNames(layer),
    read: async () =>
      codebookWeight({
        shape,
        bits: 4,
        blockSize,
        levels: (await readPart(source, layer, 'weight.quant_map')).data as Float32Array,
        // Any type may hold the bytes (bnb_4bit_quant_storage).
        packed: bytesOf(await readPart(source, layer, 'weight')),
        scales: await scalesIn(layer, offset, source),
      }),
  }
}

async function stateIn(layer: Layer, type: FourBitType, source: TensorSource): Promise<State> {
  const { shape } = partOf(layer, stateOf(type), ['u8'], [-1])
  if (shape[0]! > MAX_STATE_BYTES)
    throw layerError(layer, `its state has ${shape[0]} bytes; at most ${MAX_STATE_BYTES} are read`)
  const bytes = (await readPart(source, layer, stateOf(type))).data as Uint8Array
  const state = parseJsonStrict(bytes, `${layer.stem}.${stateOf(type)}`)
  if (!isObject(state)) throw layerError(layer, 'its state is not a JSON object')
  const blockSize = intField(state, 'blocksize', 1, 2 ** 24)
  return { shape: shapeIn(layer, state), blockSize, offset: offsetIn(layer, state) }
}

function shapeIn(layer: Layer, { shape }: Config): readonly [number, number] {
  const good = (dim: unknown) => Number.isInteger(dim) && (dim as number) >= 0 && (dim as number) <= 2 ** 24
  if (Array.isArray(shape) && shape.length === 2 && shape.every(good)) return shape as [number, number]
  throw layerError(layer, `its state has the shape ${JSON.stringify(shape)}: expected [out, in]`)
}

function offsetIn(layer: Layer, state: Config): number | undefined {
  if (state.nested_offset === undefined) return undefined
  const { nested_offset: offset, nested_blocksize: block } = state
  if (typeof offset !== 'number' || !Number.isFinite(Math.fround(offset)))
    throw layerError(layer, `nested_offset: expected a number, got ${JSON.stringify(offset)}`)
  if (block !== SCALE_BLOCK)
    throw layerError(layer, `nested_blocksize: ${SCALE_BLOCK} is read, got ${JSON.stringify(block)}`, 'unsupported')
  return Math.fround(offset)
}

async function scalesIn(layer: Layer, offset: number | undefined, source: TensorSource): Promise<BlockScales> {
  const part = async (suffix: string): Promise<Tensor['data']> => (await readPart(source, layer, suffix)).data
  if (offset === undefined) return (await part('weight.absmax')) as Float32Array
  partOf(layer, 'weight.nested_quant_map', ['f32'], [256])
  if (!levelsEqual((await part('weight.nested_quant_map')) as Float32Array, dynamicMap()))
    throw layerError(layer, 'nested_quant_map is not the dynamic map of bitsandbytes', 'unsupported')
  return {
    codes: (await part('weight.absmax')) as Uint8Array,
    absmax: (await part('weight.nested_absmax')) as Float32Array,
    offset,
  }
}
