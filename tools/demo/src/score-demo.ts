/**
 * Held-out loss and right answers of models on the small world, and how they go on from five prompts.
 *
 *   node --conditions=@sinter/source tools/demo/src/score-demo.ts DIR [DIR …] [--questions 40]
 */
import { parseArgs } from 'node:util'
import { createGenerator, openModel } from '@sinter/model'
import { ortNodeBackend } from '@sinter/tensor-core'
import { demoModel } from './demo-folder.ts'
import { continuation, scoreModel, tokenizerOf } from './score-model.ts'

const PROMPTS = [
  'Once there was a girl named Mia.',
  'It was a rainy Monday in May. Tom was at the river.',
  'Ben is in the kitchen. Lily is on the hill. Then Ben goes to the barn.\nQuestion: Where is Ben?\nAnswer:',
  'Zoe has 12 shells. She finds 5 more. She loses 4.\nQuestion: How many shells does Zoe have?\nAnswer:',
  'The day after Friday is',
]

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    questions: { type: 'string', default: '40' },
    documents: { type: 'string', default: '4000' },
    threads: { type: 'string', default: '1' },
  },
})

const backend = ortNodeBackend({ threads: Number(values.threads) })
for (const folder of positionals.length > 0 ? positionals : [demoModel]) {
  const model = await openModel(folder)
  const { loss, standardError, predictions, right, questions } = await scoreModel(model, backend, {
    questions: Number(values.questions),
    documents: Number(values.documents),
  })
  console.log(`${folder}
  held-out loss ${loss.toFixed(4)} ± ${standardError.toFixed(4)} nats a token, ${predictions} predictions
  right of ${questions}: reviews ${right.review}, where-is ${right.where}, sums ${right.sums}`)
  const generator = await createGenerator(model, backend)
  for (const prompt of PROMPTS)
    console.log(
      `  ${JSON.stringify(prompt)}\n    ${JSON.stringify(await continuation(generator, tokenizerOf(model), prompt, 60))}`,
    )
  await generator.close()
  await model.close()
}
await backend.close()
