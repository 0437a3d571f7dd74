import { BinaryWriter } from '@bufbuild/protobuf/wire'
import type { DType } from '../dtype.ts'
import type { Shape } from '../graph/node.ts'
import type { OnnxAttributes, OnnxDomain } from '../graph/op.ts'
import { onnxTypes } from './types.ts'

/** Versions that ONNX Runtime 1.30 accepts (IR 8–13, opset 21–26). */
const IR_VERSION = 10
const OPSET = 21

/** Bytes of a tensor that lie in a file beside the model. */
export interface ExternalData {
  /** Name of the file, in the model's folder. */
  readonly location: string
  readonly offset: number
  readonly length: number
}

/** Messages of onnx.proto, written field by field; numbers are its field numbers. */
export function modelProto(graph: Uint8Array, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const writer = new BinaryWriter()
  writer.tag(1, 0).int64(IR_VERSION)
  writer.tag(2, 2).string('sinter')
  writer.tag(7, 2).bytes(graph)
  for (const [domain, version] of [
    ['', OPSET],
    ['com.microsoft', 1],
  ] as const)
    writer.tag(8, 2).bytes(new BinaryWriter().tag(1, 2).string(domain).tag(2, 0).int64(version).finish())
  for (const [key, value] of Object.entries(metadata)) writer.tag(14, 2).bytes(entryProto(key, value))
  return writer.finish()
}

const entryProto = (key: string, value: string): Uint8Array =>
  new BinaryWriter().tag(1, 2).string(key).tag(2, 2).string(value).finish()

export function nodeProto(
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

export function tensorProto(
  name: string,
  dtype: DType,
  shape: readonly number[],
  data: Uint8Array | ExternalData,
): Uint8Array {
  const writer = new BinaryWriter()
  for (const dim of shape) writer.tag(1, 0).int64(dim)
  writer.tag(2, 0).int32(onnxTypes[dtype]!)
  writer.tag(8, 2).string(name)
  if (data instanceof Uint8Array) writer.tag(9, 2).bytes(data)
  else {
    for (const [key, value] of Object.entries(data)) writer.tag(13, 2).bytes(entryProto(key, String(value)))
    writer.tag(14, 0).int32(1)
  }
  return writer.finish()
}

export function valueInfo(name: string, dtype: DType, dims: Shape): Uint8Array {
  const shape = new BinaryWriter()
  for (const dim of dims)
    shape
      .tag(1, 2)
      .bytes(
        typeof dim === 'number'
          ? new BinaryWriter().tag(1, 0).int64(dim).finish()
          : new BinaryWriter().tag(2, 2).string(dim).finish(),
      )
  const tensorType = new BinaryWriter().tag(1, 0).int32(onnxTypes[dtype]!).tag(2, 2).bytes(shape.finish()).finish()
  const type = new BinaryWriter().tag(1, 2).bytes(tensorType).finish()
  return new BinaryWriter().tag(1, 2).string(name).tag(2, 2).bytes(type).finish()
}
