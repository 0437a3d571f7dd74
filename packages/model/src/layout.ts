import type { TracedBlock } from './block-graph.ts'
import type { ModelConfig } from './config.ts'
import type { Family } from './families/family.ts'
import { FormatError } from './formats/format-error.ts'
import type { TensorSource } from './formats/source.ts'

/** Where each part of a model lies in its checkpoint: stored names. */
export interface Layout {
  readonly prefix: string
  readonly embedding: string
  /** The embedding again when the head is tied to it. */
  readonly head: string
  readonly positions?: { readonly name: string; readonly offset: number }
  readonly projectIn?: string
  /** For each block: canonical name → stored name. */
  readonly blocks: readonly ReadonlyMap<string, string>[]
}

/** Masks and tables that earlier releases stored; every runtime computes them. */
const buffers = /(^|\.)(rotary_emb\.inv_freq|(attn|attention)\.(bias|masked_bias))$/

/**
 * Finds a model's tensors and checks that they are those that its configuration speaks of.
 * @param trace gives block i; it is asked for one after the other, each checked before the next: a configuration may speak of thousands
 * @throws FormatError `missing`, `size` or `schema` naming the tensor, the shape expected and the shape found
 */
export function resolveLayout(
  family: Family,
  config: ModelConfig,
  source: TensorSource,
  trace: (block: number) => TracedBlock,
): Layout {
  const { tensors } = family
  const prefix = tensors.prefixes.find(candidate => source.has(candidate + tensors.embedding))
  if (prefix === undefined)
    throw disagree(
      'missing',
      `there is no ${tensors.prefixes.map(candidate => candidate + tensors.embedding).join(' or ')}`,
    )
  const embedding = prefix + tensors.embedding
  const head = config.tied ? embedding : findHead(source, tensors.head, prefix)
  const { vocabSize, embeddingSize, hiddenSize } = config
  expectShape(source, embedding, [vocabSize, embeddingSize])
  expectShape(source, head, [vocabSize, embeddingSize])
  const positions = tensors.positions && { ...tensors.positions, name: prefix + tensors.positions.name }
  if (positions) expectShape(source, positions.name, [config.maxPositions + positions.offset, hiddenSize])
  const projectIn = embeddingSize !== hiddenSize && tensors.projectIn ? prefix + tensors.projectIn : undefined
  if (projectIn) expectShape(source, projectIn, [hiddenSize, embeddingSize])
  return {
    prefix,
    embedding,
    head,
    ...(positions && { positions }),
    ...(projectIn && { projectIn }),
    blocks: findBlocks(family, source, prefix + tensors.blocks, config.blocks, trace),
  }
}

function findHead(source: TensorSource, name: string, prefix: string): string {
  const found = [name, prefix + name, `language_model.${name}`].find(candidate => source.has(candidate))
  if (found) return found
  throw disagree('missing', `tie_word_embeddings is false, but there is no ${name}`)
}

function findBlocks(
  family: Family,
  source: TensorSource,
  stem: string,
  count: number,
  trace: (block: number) => TracedBlock,
): ReadonlyMap<string, string>[] {
  const expected = new Set<string>()
  const found = Array.from({ length: count }, (_, i) => {
    const block = trace(i)
    const names = new Map([...block.shapes.keys()].map(name => [name, `${stem}${i}.${name}`]))
    for (const [name, stored] of names) {
      const shape = block.shapes.get(name)!
      expectShape(source, stored, family.transposed?.includes(name) ? shape.toReversed() : shape)
      expected.add(stored)
    }
    return names
  })
  // A tensor that nothing reads would be lost silently: biases that the configuration denies, or more blocks than it counts.
  for (const name of source.names())
    if (name.startsWith(stem) && /^\d/.test(name.slice(stem.length)) && !expected.has(name) && !buffers.test(name))
      throw disagree(
        'schema',
        `nothing in a ${family.name} of ${count} blocks reads the tensor ${JSON.stringify(name)}`,
      )
  return found
}

/** @throws FormatError when the tensor is missing or has another shape */
export function expectShape(source: TensorSource, name: string, shape: readonly number[]): void {
  if (!source.has(name)) throw disagree('missing', `there is no tensor ${name} [${shape.join(', ')}]`)
  const got = source.info(name).shape
  if (got.join() !== shape.join())
    throw disagree('size', `tensor ${name}: expected [${shape.join(', ')}], got [${got.join(', ')}]`)
}

const disagree = (code: 'missing' | 'size' | 'schema', what: string): FormatError =>
  new FormatError(code, `config and tensors disagree: ${what}`)
