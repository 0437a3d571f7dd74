import { apply, type Backend, defineOp, graph, type Node, roundToF16 } from '@sinter/tensor-core'

const tanhGelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * x * (1 + 0.044715 * x * x)))

/** GELU as ggml's CPU code has it: a table over half floats, of half floats; beyond ±10 it is 0 or x. */
const halfGelu = defineOp({
  name: 'ggmlGelu',
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  reference: ([x], _, shape) => ({ shape, data: Float64Array.from(x!.data, ggmlGelu) }),
  gradient: 'none',
  lower: () => {
    throw new Error('only the interpreter has it')
  },
})

function ggmlGelu(x: number): number {
  if (x <= -10) return 0
  return x >= 10 ? x : roundToF16(tanhGelu(roundToF16(x)))
}

/** An interpreter that computes GELU, in whichever form the graph has it, as ggml does. */
export const withHalfGelu = (backend: Backend): Backend => ({
  ...backend,
  compile: g => {
    const made = new Map<Node, Node>()
    const copy = (node: Node): Node => {
      const known = made.get(node)
      if (known) return known
      const inputs = node.inputs.map(copy)
      const isGelu = node.op === 'gelu' || node.op === 'geluTanh'
      const same = inputs.every((input, i) => input === node.inputs[i])
      const copied = isGelu ? apply(halfGelu, inputs) : same ? node : { ...node, inputs }
      made.set(node, copied)
      return copied
    }
    return backend.compile(graph(Object.fromEntries([...g.outputs].map(([name, node]) => [name, copy(node)]))))
  },
})
