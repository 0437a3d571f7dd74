import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { type DType, dtypes, type TypedArray } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import { isInput, type Node } from '../graph/node.ts'
import { type OnnxAttributes, type OnnxDomain, opOf } from '../graph/op.ts'
import { onnxTypes } from './types.ts'

/** Versions that ONNX Runtime 1.30 accepts (IR 8–13, opset 21–26). */
const IR_VERSION = 10
const OPSET = 21

/** Writes a Graph as an ONNX model. Named dimensions stay named, so one model serves every batch. */
export function toOnnx(graph: Graph): Uint8Array {
  const body = new BinaryWriter()
  const names = new Map<Node, string>()
  const emitter = createEmitter(body)
  for (const node of graph.nodes) {
    if (isInput(node)) names.set(node, node.attributes.name)
    else
      names.set(
        node,
        opOf(node.op).lower(
          emitter,
          node.inputs.map(input => names.get(input)!),
          node,
        ),
      )
  }
  // Graph outputs keep the caller's names, whatever made them.
  for (const [name, node] of graph.outputs) emitter.rename(names.get(node)!, name)
  body.tag(2, 2).string('sinter')
  emitter.writeConstants()
  for (const [name, node] of graph.inputs) body.tag(11, 2).bytes(valueInfo(name, node))
  for (const [name, node] of graph.outputs) body.tag(12, 2).bytes(valueInfo(`out:${name}`, node))
  return model(body.finish())
}

/** What an output is called inside the ONNX file: inputs and outputs may then share a name. */
export const outputName = (name: string): string => `out:${name}`

function model(graph: Uint8Array): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, 0).int64(IR_VERSION)
  writer.tag(2, 2).string('sinter')
  writer.tag(7, 2).bytes(graph)
  for (const [domain, version] of [
    ['', OPSET],
    ['com.microsoft', 1],
  ] as const)
    writer.tag(8, 2).bytes(new BinaryWriter().tag(1, 2).string(domain).tag(2, 0).int64(version).finish())
  return writer.finish()
}

function createEmitter(body: BinaryWriter) {
  const constants = new Map<string, { name: string; bytes: Uint8Array }>()
  let count = 0
  const nodes = (
    type: string,
    inputs: readonly string[],
    outputs: number,
    attributes: OnnxAttributes = {},
    domain: OnnxDomain = '',
  ): string[] => {
    const made = Array.from({ length: outputs }, () => `v${count++}`)
    body.tag(1, 2).bytes(nodeProto(type, inputs, made, attributes, domain))
    return made
  }
  return {
    nodes,
    node: (type: string, inputs: readonly string[], attributes?: OnnxAttributes, domain?: OnnxDomain): string =>
      nodes(type, inputs, 1, attributes, domain)[0]!,
    constant(dtype: DType, shape: readonly number[], data: TypedArray | readonly number[]): string {
      const values = Array.isArray(data) ? typed(dtype, data) : (data as TypedArray)
      const raw = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
      const key = `${dtype}|${shape}|${raw.length <= 64 ? raw : count++}`
      const known = constants.get(key)
      if (known) return known.name
      const name = `c${constants.size}`
      constants.set(key, { name, bytes: tensorProto(name, dtype, shape, raw) })
      return name
    },
    rename: (from: string, to: string) => body.tag(1, 2).bytes(nodeProto('Identity', [from], [outputName(to)], {}, '')),
    writeConstants() {
      for (const { bytes } of constants.values()) body.tag(5, 2).bytes(bytes)
    },
  }
}

function typed(dtype: DType, values: readonly number[]): TypedArray {
  if (dtype === 'i64') return BigInt64Array.from(values, BigInt)
  const array = new dtypes[dtype].array(new ArrayBuffer(values.length * dtypes[dtype].bytes))
  ;(array as Float64Array).set(values)
  return array
}

function nodeProto(
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: OnnxAttributes,
  domain: OnnxDomain,
): Uint8Array {
  const writer = new BinaryWriter()
  for (const name of inputs) writer.tag(1, 2).string(name)
  for (const name of outputs) writer.tag(2, 2).string(name)
  writer.tag(4, 2).string(type)
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) writer.tag(5, 2).bytes(attributeProto(name, value))
  if (domain) writer.tag(7, 2).string(domain)
  return writer.finish()
}

function attributeProto(name: string, value: number | bigint | string | readonly bigint[]): Uint8Array {
  const writer = new BinaryWriter().tag(1, 2).string(name)
  if (typeof value === 'number') writer.tag(2, 5).float(value).tag(20, 0).int32(1)
  else if (typeof value === 'bigint') writer.tag(3, 0).int64(value).tag(20, 0).int32(2)
  else if (typeof value === 'string') writer.tag(4, 2).string(value).tag(20, 0).int32(3)
  else {
    for (const item of value) writer.tag(8, 0).int64(item)
    writer.tag(20, 0).int32(7)
  }
  return writer.finish()
}

function tensorProto(name: string, dtype: DType, shape: readonly number[], raw: Uint8Array): Uint8Array {
  const writer = new BinaryWriter()
  for (const dim of shape) writer.tag(1, 0).int64(dim)
  writer.tag(2, 0).int32(onnxTypes[dtype]!)
  writer.tag(8, 2).string(name)
  writer.tag(9, 2).bytes(raw)
  return writer.finish()
}

function valueInfo(name: string, node: Node): Uint8Array {
  const shape = new BinaryWriter()
  for (const dim of node.shape)
    shape
      .tag(1, 2)
      .bytes(
        typeof dim === 'number'
          ? new BinaryWriter().tag(1, 0).int64(dim).finish()
          : new BinaryWriter().tag(2, 2).string(dim).finish(),
      )
  const tensorType = new BinaryWriter().tag(1, 0).int32(onnxTypes[node.dtype]!).tag(2, 2).bytes(shape.finish()).finish()
  const type = new BinaryWriter().tag(1, 2).bytes(tensorType).finish()
  return new BinaryWriter().tag(1, 2).string(name).tag(2, 2).bytes(type).finish()
}
