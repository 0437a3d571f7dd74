import { createModel, type Model, type TensorSource, type Tokenizer } from '@sinter/model'
import { type Tensor, toF32 } from '@sinter/tensor-core'

/** A tokenizer that has names for ids and nothing else. */
export const namesOnly = (names: readonly (string | undefined)[]): Tokenizer => ({
  vocabSize: names.filter(name => name !== undefined).length,
  eosIds: [],
  encode: text => [...text].map(letter => names.indexOf(letter)),
  decode: ids => Array.from(ids, id => names[id] ?? '').join(''),
  tokenOf: id => names[id],
  idOf: token => {
    const id = names.indexOf(token)
    return id === -1 ? undefined : id
  },
})

export const letters = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`)

/** The same model with more rows in its embeddings: values that would be noticed. */
export async function padded(model: Model, rows: number, tokenizer?: Tokenizer): Promise<Model> {
  const { embedding, head } = model.outside
  const wide = new Map<string, Tensor>()
  for (const name of new Set([embedding, head])) {
    const { shape, data } = toF32(await model.source.read(name))
    const width = shape[1]!
    const more = new Float32Array(rows * width).fill(3)
    more.set(data)
    wide.set(name, { dtype: 'f32', shape: [rows, width], data: more })
  }
  const { source } = model
  const over: TensorSource = {
    ...source,
    info: name => {
      const tensor = wide.get(name)
      const info = source.info(name)
      return tensor ? { ...info, shape: tensor.shape, bytes: tensor.data.byteLength } : info
    },
    read: async (name, into) => {
      const tensor = wide.get(name)
      return tensor ? { ...tensor, data: tensor.data.slice() } : source.read(name, into)
    },
    readRows: async (name, start, count, into) => {
      const tensor = wide.get(name)
      if (!tensor) return source.readRows(name, start, count, into)
      const width = tensor.shape[1]!
      return { ...tensor, shape: [count, width], data: tensor.data.slice(start * width, (start + count) * width) }
    },
    close: async () => {},
  }
  return createModel({
    config: { ...model.configFile, vocab_size: rows },
    source: over,
    tokenizer: tokenizer && (() => tokenizer),
    path: `${model.path} padded to ${rows}`,
  })
}
