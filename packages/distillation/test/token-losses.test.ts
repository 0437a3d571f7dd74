import { tokenCrossEntropy } from '@sinter/model'
import { readGolden } from '@sinter/model/testing'
import {
  add,
  constant,
  div,
  grad,
  graph,
  input,
  mul,
  ortNodeBackend,
  reduceSum,
  referenceBackend,
  reshape,
  type Tensor,
} from '@sinter/tensor-core'
import { afterAll, describe, expect, test } from 'vitest'
import {
  forwardKl,
  jensenShannon,
  logitsMse,
  reverseKl,
  skewKl,
  skewReverseKl,
  softCrossEntropy,
  symmetricKl,
  type TokenLoss,
  totalVariation,
} from '../src/index.ts'

const golden = readGolden(new URL('./fixtures/losses/token_losses.safetensors', import.meta.url))
const values: Readonly<Record<string, number>> = {
  kl_t1: 2.1390816722588837,
  kl_t2: 3.701428724265267,
  kl_t4: 4.712078083665635,
  reverse_kl: 2.894169254248664,
  soft_cross_entropy: 3.3296203631078285,
  'symmetric_kl_0.9': 2.937714365134581,
  'jsd_0.1': 0.15201858846406957,
  'jsd_0.5': 0.3679638406442415,
  'jsd_0.9': 0.16592116291865744,
  'skew_kl_0.1': 1.2164574192615645,
  'skew_reverse_kl_0.1': 1.2558337482307647,
  tvd: 0.6923046839046871,
  logits_mse: 10.51127651064467,
  ce: 3.6616714219098347,
  'hinton_a0.3_t2': 3.6735986126164644,
}

const labels = input('labels', 'i32', ['b', 't'])
const ce: TokenLoss = (_, student) => tokenCrossEntropy(student, labels)
const losses: Readonly<Record<string, TokenLoss>> = {
  kl_t1: forwardKl(1),
  kl_t2: forwardKl(2),
  kl_t4: forwardKl(4),
  reverse_kl: reverseKl(),
  soft_cross_entropy: softCrossEntropy,
  'symmetric_kl_0.9': symmetricKl(0.9),
  'jsd_0.1': jensenShannon(0.1),
  'jsd_0.5': jensenShannon(0.5),
  'jsd_0.9': jensenShannon(0.9),
  'skew_kl_0.1': skewKl(0.1),
  'skew_reverse_kl_0.1': skewReverseKl(0.1),
  tvd: totalVariation,
  logits_mse: logitsMse,
  ce,
  'hinton_a0.3_t2': (t, s) => add(mul(ce(t, s), constant(0.7)), mul(forwardKl(2)(t, s), constant(0.3))),
}

const exact = referenceBackend({ wide: true })
const onnx = ortNodeBackend({ threads: 1 })
afterAll(() => onnx.close())

/** Tokens labelled −100 are not counted. */
function inputs(): Record<string, Tensor> {
  const marked = golden.tensor('labels')
  const data = marked.data as Int32Array
  return {
    teacher: golden.tensor('teacher'),
    student: golden.tensor('student'),
    labels: { dtype: 'i32', shape: marked.shape, data: data.map(label => Math.max(0, label)) },
    weights: { dtype: 'f32', shape: marked.shape, data: Float32Array.from(data, label => (label < 0 ? 0 : 1)) },
  }
}

describe('recorded losses and gradients', () => {
  test.each(Object.entries(losses))('%s', async (name, loss) => {
    const logits = (which: string) => input(which, 'f32', ['b', 't', 19])
    const weights = input('weights', 'f32', ['b', 't'])
    const rows = reshape(loss(logits('teacher'), logits('student')), ['b', 't'])
    const mean = div(reduceSum(mul(rows, weights), [0, 1]), reduceSum(weights, [0, 1]))
    const g = grad(graph({ mean }), { of: 'mean', wrt: ['student'] })
    const given = inputs()
    const used = Object.fromEntries([...g.inputs.keys()].map(key => [key, given[key]!]))
    for (const [backend, value, slope] of [
      [exact, 1e-10, 1e-10],
      [onnx, 1e-5, 1e-6],
    ] as const) {
      const program = await backend.compile(g)
      const results = (await program.run(used)) as Record<string, Tensor>
      expect(Math.abs(Number(results.mean!.data[0]) - values[name]!) / values[name]!, name).toBeLessThan(value)
      const recorded = golden.f64(`grad.${name}`)
      const own = results['grad.student']!.data
      expect(
        recorded.reduce((worst, v, i) => Math.max(worst, Math.abs(v - Number(own[i]))), 0),
        name,
      ).toBeLessThan(slope)
    }
  })

  test.each(Object.entries(losses).filter(([name]) => /kl|jsd|tvd|mse/.test(name) && !/symmetric/.test(name)))(
    '%s is nothing when the student is the teacher',
    async (_, loss) => {
      const x = input('x', 'f32', ['b', 't', 19])
      const program = await exact.compile(graph({ y: loss(x, x) }))
      const { y } = (await program.run({ x: golden.tensor('teacher') })) as { y: Tensor }
      for (const v of y.data as Float64Array) expect(Math.abs(v)).toBeLessThan(1e-12)
    },
  )
})
