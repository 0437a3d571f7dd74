import { toF64 } from '../convert.ts'
import { type DType, isFloat } from '../dtype.ts'
import { type Bindings, bindShape, boundShape } from '../graph/bind.ts'
import type { Graph } from '../graph/graph.ts'
import { isInput, type Node } from '../graph/node.ts'
import { type NdArray, opOf } from '../graph/op.ts'
import type { Tensor } from '../tensor.ts'
import { type Argument, type Backend, isResident, type Program, type Resident } from './backend.ts'

/**
 * The meaning of every operation, in plain f64 loops: slow, and what the other backends are checked against.
 * @param wide floats come back in f64, not rounded to their types; f64 tensors are taken for any float
 */
export function referenceBackend({ wide = false }: { readonly wide?: boolean } = {}): Backend {
  return {
    name: 'reference',
    compile: async graph => program(graph, wide),
    upload: async tensor => resident(tensor),
    close: async () => {},
  }
}

interface LocalResident extends Resident {
  tensor: Tensor
}

const resident = (tensor: Tensor): LocalResident => ({
  tensor,
  dtype: tensor.dtype,
  shape: tensor.shape,
  async read() {
    return { ...this.tensor, data: this.tensor.data.slice() }
  },
  async take() {
    return this.tensor
  },
  release() {},
})

function program(graph: Graph, wide: boolean): Program {
  return {
    async run(inputs, options = {}) {
      const values = evaluate(graph, inputs)
      const results: Record<string, Argument> = {}
      for (const [name, node] of graph.outputs) {
        const value = toTensor(values.get(node)!, wide && isFloat(node.dtype) ? 'f64' : node.dtype)
        results[name] = options.keep?.includes(name) ? resident(value) : value
      }
      return results
    },
    close: async () => {},
  }
}

function evaluate(graph: Graph, inputs: Readonly<Record<string, Argument>>): Map<Node, NdArray> {
  const bindings: Bindings = new Map()
  const values = new Map<Node, NdArray>()
  for (const [name, node] of graph.inputs) {
    const given = inputs[name]
    if (!given) throw new TypeError(`graph input "${name}" is missing`)
    const tensor = isResident(given) ? (given as LocalResident).tensor : given
    bindShape(name, node.shape, tensor.shape, bindings)
    values.set(node, toNdArray(tensor))
  }
  for (const node of graph.nodes) {
    if (isInput(node)) continue
    const operands = node.inputs.map(input => values.get(input)!)
    values.set(node, opOf(node.op).reference(operands, node.attributes, boundShape(node, bindings)))
  }
  return values
}

const toNdArray = (tensor: Tensor): NdArray => ({
  shape: tensor.shape,
  data: isFloat(tensor.dtype) ? toF64(tensor) : Int32Array.from(tensor.data as Int32Array, Number),
})

function toTensor(value: NdArray, dtype: DType): Tensor {
  const { shape, data } = value
  if (dtype === 'f64') return { dtype, shape, data: data as Float64Array }
  if (isFloat(dtype)) return { dtype: 'f32', shape, data: Float32Array.from(data) }
  return { dtype: 'i32', shape, data: Int32Array.from(data) }
}
