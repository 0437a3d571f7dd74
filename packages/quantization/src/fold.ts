import type { LayerGroup, Producer, TransformBlock } from '@sinter/model'
import type { TensorF32 } from '@sinter/tensor-core'

/**
 * Which channel of the producer feeds each input column. With grouped-query attention several query heads read one head of
 * v, so their columns share a channel: column `h·headDim + j` reads channel `⌊h / repeats⌋·headDim + j`.
 */
export function channelOf(producer: Producer, width: number): Int32Array {
  const heads = producer.kind === 'linear' ? producer.heads : undefined
  if (!heads) return Int32Array.from({ length: width }, (_, column) => column)
  const { headDim, kvHeads } = heads
  const repeats = heads.heads / kvHeads
  if (!Number.isInteger(repeats) || heads.heads * headDim !== width)
    throw new RangeError(`${heads.heads} heads of ${headDim} over ${kvHeads} do not make an input of ${width}`)
  return Int32Array.from({ length: width }, (_, column) => {
    const head = Math.floor(column / headDim)
    return Math.floor(head / repeats) * headDim + (column % headDim)
  })
}

/** Mean over the columns of a channel, given back to each of them: the only scales that can be folded are equal there. */
export function averageShared(values: Float64Array, channels: Int32Array): Float64Array {
  const sum = new Float64Array(values.length)
  const count = new Float64Array(values.length)
  channels.forEach((channel, column) => {
    sum[channel]! += values[column]!
    count[channel]! += 1
  })
  return Float64Array.from(channels, channel => sum[channel]! / count[channel]!)
}

/**
 * Multiplies the columns of the group's matrices by `scales` and divides what produces them by the same, so that the block
 * computes what it did. `scales` `[width]` must be equal on columns that share a channel.
 * @throws TypeError when the group has no producer
 */
export function foldScales(block: TransformBlock, group: LayerGroup, scales: Float64Array): void {
  const { producer } = group
  if (!producer) throw new TypeError(`${group.linears[0]}: nothing before this group can take a scale`)
  divideProducer(block, producer, scales, group.width)
  for (const linear of group.linears) {
    const name = `${linear}.weight`
    block.replace(name, scaledColumns(block.tensor(name), scales))
  }
}

/** `w[:, j] · scales[j]` */
export function scaledColumns(weight: TensorF32, scales: Float64Array): TensorF32 {
  const width = scales.length
  return { ...weight, data: weight.data.map((value, k) => value * scales[k % width]!) }
}

function divideProducer(block: TransformBlock, producer: Producer, scales: Float64Array, width: number): void {
  const channels = channelOf(producer, width)
  const divisors = new Float64Array(producer.kind === 'linear' ? producer.channels : width)
  channels.forEach((channel, column) => {
    divisors[channel] = scales[column]!
  })
  if (producer.kind === 'norm') divideNorm(block, producer, divisors)
  else divideLinear(block, producer, divisors)
}

function divideLinear(block: TransformBlock, producer: Producer & { kind: 'linear' }, divisors: Float64Array): void {
  const weight = block.tensor(producer.weight)
  const perRow = weight.data.length / weight.shape[0]!
  block.replace(producer.weight, dividedRange(weight, producer.start * perRow, perRow, divisors))
  if (producer.bias)
    block.replace(producer.bias, dividedRange(block.tensor(producer.bias), producer.start, 1, divisors))
}

/** A norm stored with offset 1 multiplies by `1 + w`: its new weight is `(1 + w)/s − 1`. */
function divideNorm(block: TransformBlock, norm: Producer & { kind: 'norm' }, divisors: Float64Array): void {
  const weight = block.tensor(norm.weight)
  const data = weight.data.map((w, channel) => (norm.offset + w) / divisors[channel]! - norm.offset)
  block.replace(norm.weight, { ...weight, data })
  if (norm.bias) block.replace(norm.bias, dividedRange(block.tensor(norm.bias), 0, 1, divisors))
}

/** Divides `each` values from `start` by the first divisor, the next `each` by the second, … */
function dividedRange(tensor: TensorF32, start: number, each: number, divisors: Float64Array): TensorF32 {
  const data = Float32Array.from(tensor.data)
  divisors.forEach((divisor, channel) => {
    for (let k = 0; k < each; k++) data[start + channel * each + k]! /= divisor
  })
  return { ...tensor, data }
}
