import {
  bytesOf,
  decodeWeight,
  encodeWeight,
  graph,
  input,
  lowerGraph,
  type OnnxEmitter,
  type Tensor,
  type Weight,
  type WeightAttributes,
} from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import { isObject, type Json } from '../json-strict.ts'
import type { TensorStore } from './tensor-store.ts'
import type { FormRecord, Take, WeightForm } from './weight-form.ts'

/** What a weight emits of itself, in ordinary operations. */
export const emitted: WeightForm = {
  emit({ builder, store }, weight, x, name) {
    const given = weight.inputs(name)
    const y = weight.emit(input('x', 'f32', ['batch', 'tokens', weight.shape[1]]), name)
    const values = lowerGraph(
      builder,
      graph({ y }),
      node => (node.attributes.name === 'x' ? x : store.put(node.attributes.name, given[node.attributes.name]!)),
      { linear: (emit, operands) => linearOf(emit, operands) },
    )
    return { y: values.get('y')!, record: { kind: 'emitted', ...partRecord(store, weight, name, given) } }
  },
  encoding: ({ kind }) => kind,
  parts: partNames,
  read: readParts,
}

/** `x Wᵀ + b` in nodes that every execution provider has. */
export function linearOf(emit: OnnxEmitter, [x, weight, bias]: readonly string[]): string {
  const y = emit.node('MatMul', [x!, emit.node('Transpose', [weight!], { perm: [1n, 0n] })])
  return bias === undefined ? y : emit.node('Add', [y, bias])
}

/**
 * What brings back the weight: its attributes, and where its parts lie. Those that the model computes with are not stored twice.
 * @param given tensors that are in the model already, by name
 */
export function partRecord(
  store: TensorStore,
  weight: Weight,
  name: string,
  given: Readonly<Record<string, Tensor>>,
): Readonly<Record<string, Json>> {
  const { attributes, tensors } = encodeWeight(weight)
  const place = (part: string, tensor: Tensor): string => {
    const known = Object.entries(given).find(([, other]) => sameBytes(tensor, other))
    return known ? known[0] : store.keep(`${name}#${part}`, tensor)
  }
  const parts = Object.entries(tensors).map(([part, tensor]) => [part, [place(part, tensor), [...tensor.shape]]])
  return { attributes: attributes as Json, parts: Object.fromEntries(parts) as Json }
}

const sameBytes = (a: Tensor, b: Tensor): boolean =>
  a.dtype === b.dtype && a.data.length === b.data.length && Buffer.compare(bytesOf(a), bytesOf(b)) === 0

export async function readParts(record: FormRecord, take: Take): Promise<Weight> {
  const { attributes } = record
  if (!isObject(attributes)) throw new FormatError('schema', 'weight form: expected "attributes" to be an object')
  const tensors: Record<string, Tensor> = {}
  for (const { part, name, shape } of placesOf(record)) tensors[part] = { ...(await take(name)), shape }
  return decodeWeight({ attributes: attributes as WeightAttributes, tensors })
}

export function partNames(record: FormRecord): string[] {
  return placesOf(record).map(({ name }) => name)
}

function placesOf({ parts }: FormRecord): { part: string; name: string; shape: readonly number[] }[] {
  if (!isObject(parts)) throw new FormatError('schema', 'weight form: expected "parts" to be an object')
  return Object.entries(parts).map(([part, entry]) => {
    const [name, shape] = Array.isArray(entry) ? entry : []
    if (typeof name === 'string' && Array.isArray(shape)) return { part, name, shape: shape.map(Number) }
    throw new FormatError('schema', `weight form: expected part ${JSON.stringify(part)} to be [name, shape]`)
  })
}
