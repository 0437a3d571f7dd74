import { full } from '@sinter/model'
import { randomModel, testTrainMethod, tinyLlama } from '@sinter/model/testing'

testTrainMethod(full, [
  { name: 'everything', options: {} },
  { name: 'norms', options: { trains: 'norms' }, learningRate: 0.05 },
  { name: 'the second block', options: { trains: 'blocks', blocks: [1] } },
  {
    name: 'everything of a tied model',
    options: {},
    model: () => randomModel({ ...tinyLlama, tie_word_embeddings: true }),
  },
])
