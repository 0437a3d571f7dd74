import { constant, div, type Graph, graph, mul, type Node, type TensorF32, tanh, toF32 } from '@sinter/tensor-core'
import { streamInput, type TracedBlock, traceBlock } from './block-graph.ts'
import { type ModelConfig, readConfig } from './config.ts'
import { embedTokens } from './embed.ts'
import type { Family } from './families/family.ts'
import { familyOf } from './families/index.ts'
import { createTrace } from './families/tracer.ts'
import { textConfig } from './formats/config-fields.ts'
import { readF32, type TensorSource } from './formats/source.ts'
import { turned } from './formats/transposed.ts'
import { expectShape, resolveLayout } from './layout.ts'
import type { BlockGraph, Model } from './model.ts'
import { ropeTables } from './rope.ts'
import type { Tokenizer } from './tokenizer/tokenizer.ts'

export interface ModelParts {
  /** Contents of config.json. */
  readonly config: Readonly<Record<string, unknown>>
  readonly source: TensorSource
  /** Made at the first use. */
  readonly tokenizer?: (() => Tokenizer | undefined) | undefined
  readonly path: string
}

/**
 * A model from an open checkpoint; it takes the source over. Only names and shapes are looked at.
 * @throws FormatError for an unknown family, a configuration that does not fit, or tensors that do not fit it
 */
export function createModel({ config: file, source, tokenizer, path }: ModelParts): Model {
  const family = familyOf(file.model_type)
  const config = readConfig(textConfig(file), family)
  const blocks: TracedBlock[] = []
  const layout = resolveLayout(family, config, source, i => {
    blocks[i] = traceBlock(family, config, i)
    return blocks[i]
  })
  const head = traceHead(family, config)
  for (const [name, shape] of head.shapes) expectShape(source, layout.prefix + name, shape)
  let made: Tokenizer | undefined
  return {
    config,
    configFile: file,
    family,
    source,
    hasTokenizer: tokenizer !== undefined,
    get tokenizer() {
      made ??= tokenizer?.()
      return made
    },
    path,
    blocks: config.blocks,
    blockTensors: block => at(layout.blocks, block),
    readBlock: (block, memory) => readBlock(family, source, at(layout.blocks, block), memory),
    blockGraph: block => at(blocks, block),
    tracedBlock: (block, options) => traceBlock(family, config, block, options),
    outside: {
      embedding: layout.embedding,
      head: layout.head,
      ...(layout.positions && { positions: layout.positions }),
      ...(layout.projectIn && { projectIn: layout.projectIn }),
      headInput: new Map([...head.shapes.keys()].map(name => [name, layout.prefix + name])),
    },
    over: other => createModel({ config: file, source: other, tokenizer, path }),
    storedForm: (name, tensor) => (family.transposed?.includes(name) ? turned(tensor) : tensor),
    tables: (block, tokens, start = 0, total = start + tokens) => tablesOf(config, block, tokens, start, total),
    embed: (ids, start = 0) => embedTokens(config, layout, source, ids, start),
    headInputGraph: () => head.graph,
    readHeadInput: () =>
      readAll(
        source,
        [...head.shapes.keys()].map(name => [name, layout.prefix + name]),
      ),
    readHeadRows: async (start, count) => ({ weight: toF32(await source.readRows(layout.head, start, count)) }),
    finishLogits: logits => finish(config, logits),
    close: () => source.close(),
  }
}

function at<T>(list: readonly T[], block: number): T {
  const found = list[block]
  if (found === undefined) throw new RangeError(`block ${block}: the model has blocks 0 … ${list.length - 1}`)
  return found
}

async function readAll(
  source: TensorSource,
  names: Iterable<readonly [string, string]>,
  memory?: ReadonlyMap<string, TensorF32>,
): Promise<Map<string, TensorF32>> {
  const tensors = new Map<string, TensorF32>()
  for (const [name, stored] of names) tensors.set(name, await readF32(source, stored, memory?.get(name)?.data))
  return tensors
}

async function readBlock(
  family: Family,
  source: TensorSource,
  names: ReadonlyMap<string, string>,
  memory?: ReadonlyMap<string, TensorF32>,
): Promise<Map<string, TensorF32>> {
  const tensors = await readAll(source, names, memory)
  for (const name of family.transposed ?? []) tensors.set(name, turned(tensors.get(name)!))
  return tensors
}

function tablesOf(
  config: ModelConfig,
  block: BlockGraph,
  tokens: number,
  start: number,
  total: number,
): Map<string, TensorF32> {
  const tables = new Map<string, TensorF32>()
  for (const kind of ['full', 'local'] as const) {
    if (!block.tables.includes(`${kind}.cos`)) continue
    const { cos, sin } = ropeTables((kind === 'full' ? config.rope : config.localRope)!, tokens, start, total)
    tables.set(`${kind}.cos`, cos).set(`${kind}.sin`, sin)
  }
  return tables
}

function traceHead(
  family: Family,
  config: ModelConfig,
): { graph: Graph; shapes: ReadonlyMap<string, readonly number[]> } {
  const trace = createTrace(config)
  const y = family.headInput(trace.tracer, streamInput(config))
  const shapes = new Map([...trace.parameters].map(([name, node]) => [name, node.shape as readonly number[]]))
  return { graph: graph({ head_input: y }), shapes }
}

function finish({ logitDivisor, logitSoftcap }: ModelConfig, logits: Node): Node {
  const divided = logitDivisor === 1 ? logits : div(logits, constant(logitDivisor))
  if (logitSoftcap === undefined) return divided
  return mul(tanh(div(divided, constant(logitSoftcap))), constant(logitSoftcap))
}
