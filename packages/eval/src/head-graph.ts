import {
  add,
  argmax,
  type Graph,
  graph,
  input,
  linear,
  mul,
  type Node,
  reduceMax,
  reduceSum,
  softmax,
  sub,
  takeAlong,
} from '@sinter/tensor-core'

/** One model's part in the head graph. */
export interface Head {
  /** Width of what the output embedding multiplies. */
  readonly width: number
  readonly bias: boolean
  /** Softcap, scale. */
  finish(logits: Node): Node
}

/**
 * For some tokens and some rows of the vocabulary, what streaming needs of both models and nothing wider than `[tokens, 1]`:
 * `top` (largest logit), `index` (its row), `peak` (its probability within these rows), `target` (logit at a given row), and
 * `cross` = Σ p_base (logit_base − logit_model).
 *
 * Log-sum-exp within the rows is `top − ln peak`: the softmax kernel of ONNX Runtime is vectorised, its ReduceLogSumExp is
 * six times slower (0.95 ms against 5.8 ms for [256, 4096] on one core).
 */
export function headGraph(model: Head, base?: Head): Graph {
  const target = input('target', 'i32', ['tokens', 1])
  const m = statistics('model', model, target)
  if (!base) return graph(m.outputs)
  const b = statistics('base', base, target)
  const cross = reduceSum(mul(b.probabilities, sub(b.logits, m.logits)), [-1])
  return graph({ ...m.outputs, ...b.outputs, cross })
}

function statistics(name: string, head: Head, target: Node) {
  const x = input(`${name}.x`, 'f32', ['tokens', head.width])
  const weight = input(`${name}.weight`, 'f32', ['rows', head.width])
  const product = linear(x, weight)
  const logits = head.finish(head.bias ? add(product, input(`${name}.bias`, 'f32', ['rows'])) : product)
  const probabilities = softmax(logits)
  const index = argmax(logits)
  const outputs = {
    [`${name}.index`]: index,
    [`${name}.top`]: takeAlong(logits, index),
    [`${name}.peak`]: reduceMax(probabilities, [-1]),
    [`${name}.target`]: takeAlong(logits, target),
  }
  return { logits, probabilities, outputs }
}
