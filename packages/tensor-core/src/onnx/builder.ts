import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { type DType, dtypes, type TypedArray } from '../dtype.ts'
import type { Shape } from '../graph/node.ts'
import type { OnnxAttributes, OnnxDomain, OnnxEmitter } from '../graph/op.ts'
import { type ExternalData, modelProto, nodeProto, tensorProto, valueInfo } from './proto.ts'

/** Puts an ONNX model together, piece by piece. */
export interface OnnxBuilder extends OnnxEmitter {
  /** Adds a node whose outputs get the names given. */
  add(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: OnnxAttributes,
    domain?: OnnxDomain,
  ): void
  /** Declares a graph input; named dimensions stay named. */
  input(name: string, dtype: DType, shape: Shape): string
  /** Declares a graph output, which some node makes. */
  output(name: string, dtype: DType, shape: Shape): void
  /** A stored tensor, here or in a file beside the model. */
  initializer(name: string, dtype: DType, shape: readonly number[], data: Uint8Array | ExternalData): string
  /** @param metadata key → value, as the model's `metadata_props` */
  finish(metadata?: Readonly<Record<string, string>>): Uint8Array
}

export function createOnnxBuilder(): OnnxBuilder {
  const body = new BinaryWriter()
  const constants = new Map<string, { name: string; bytes: Uint8Array }>()
  const initializers: Uint8Array[] = []
  const inputs: Uint8Array[] = []
  const outputs: Uint8Array[] = []
  let count = 0
  const builder: OnnxBuilder = {
    add: (type, operands, results, attributes = {}, domain = '') =>
      void body.tag(1, 2).bytes(nodeProto(type, operands, results, attributes, domain)),
    nodes(type, operands, number, attributes, domain) {
      const made = Array.from({ length: number }, () => `v${count++}`)
      builder.add(type, operands, made, attributes, domain)
      return made
    },
    node: (type, operands, attributes, domain) => builder.nodes(type, operands, 1, attributes, domain)[0]!,
    constant(dtype, shape, data) {
      const values = Array.isArray(data) ? typed(dtype, data) : (data as TypedArray)
      const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      const key = `${dtype}|${shape}|${raw.length <= 64 ? raw : count++}`
      const known = constants.get(key)
      if (known) return known.name
      const name = `c${constants.size}`
      constants.set(key, { name, bytes: tensorProto(name, dtype, shape, raw) })
      return name
    },
    initializer(name, dtype, shape, data) {
      initializers.push(tensorProto(name, dtype, shape, data))
      return name
    },
    input(name, dtype, shape) {
      inputs.push(valueInfo(name, dtype, shape))
      return name
    },
    output: (name, dtype, shape) => void outputs.push(valueInfo(name, dtype, shape)),
    finish(metadata) {
      body.tag(2, 2).string('sinter')
      for (const { bytes } of constants.values()) body.tag(5, 2).bytes(bytes)
      for (const bytes of initializers) body.tag(5, 2).bytes(bytes)
      for (const bytes of inputs) body.tag(11, 2).bytes(bytes)
      for (const bytes of outputs) body.tag(12, 2).bytes(bytes)
      return modelProto(body.finish(), metadata)
    },
  }
  return builder
}

function typed(dtype: DType, values: readonly number[]): TypedArray {
  if (dtype === 'i64') return BigInt64Array.from(values, BigInt)
  const array = new dtypes[dtype].array(new ArrayBuffer(values.length * dtypes[dtype].bytes))
  ;(array as Float64Array).set(values)
  return array
}
