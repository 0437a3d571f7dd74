import type { GgufFamily } from './gguf-family/family.ts'

/** Buffers that old checkpoints carry along: masks and tables that every runtime computes. */
const buffers = /\.(attn|attention)\.(bias|masked_bias)$|rotary_emb\.inv_freq$/

/**
 * The name of a Hugging Face tensor in a GGUF file, or undefined for a buffer that is not stored there.
 * @throws RangeError for a tensor the family does not have
 */
export function ggufName(family: GgufFamily, hfName: string): string | undefined {
  const name = canonicalName(family, hfName)
  if (buffers.test(name)) return undefined
  const [stem, suffix] = splitSuffix(name)
  const outside = family.root.find(([hf]) => hf === stem)
  if (outside) return `${outside[1]}.${suffix}`
  const inside = blockPart(family, stem)
  const pair = inside && family.block.find(([hf]) => hf === inside.rest)
  if (inside && pair) return `blk.${inside.block}.${pair[1]}.${suffix}`
  throw new RangeError(`GGUF architecture ${family.arch} has no place for the tensor ${JSON.stringify(hfName)}`)
}

/** The Hugging Face name of a GGUF tensor, or undefined when the family has no such tensor (rope tables, for one). */
export function hfName(family: GgufFamily, ggufName: string): string | undefined {
  const [stem, suffix] = splitSuffix(ggufName)
  const outside = family.root.find(([, gguf]) => gguf === stem)
  if (outside) return `${outside[0]}.${suffix}`
  const match = /^blk\.(0|[1-9]\d{0,5})\.(.+)$/.exec(stem)
  const pair = match && family.block.find(([, gguf]) => gguf === match[2])
  return match && pair ? `${family.layers}${match[1]}.${pair[0]}.${suffix}` : undefined
}

/** What a tensor is called inside its block, without suffix: `self_attn.q_proj`. */
export function nameInBlock(family: GgufFamily, hfName: string): string | undefined {
  return blockPart(family, splitSuffix(canonicalName(family, hfName))[0])?.rest
}

/** The block that a tensor belongs to. */
export function blockOf(family: GgufFamily, hfName: string): number | undefined {
  const found = blockPart(family, splitSuffix(canonicalName(family, hfName))[0])
  return found && Number(found.block)
}

/** Multimodal checkpoints keep the text model one level down; GPT-2's on the hub lack the outer name. */
function canonicalName(family: GgufFamily, name: string): string {
  const text = name.replace(/^(model\.)?language_model\.(model\.)?(?=embed_tokens|norm|layers)/, 'model.')
  if (text !== name) return text
  if (name === 'language_model.lm_head.weight') return 'lm_head.weight'
  return lacksOuterName(family, name) ? family.outerName + name : name
}

function lacksOuterName({ outerName, layers, root }: GgufFamily, name: string): boolean {
  const starts = [layers, ...root.map(([hf]) => `${hf}.`)].filter(start => outerName && start.startsWith(outerName))
  return starts.some(start => name.startsWith(start.slice(outerName!.length)))
}

function blockPart(family: GgufFamily, stem: string): { block: string; rest: string } | undefined {
  if (!stem.startsWith(family.layers)) return undefined
  const match = /^(\d+)\.(.+)$/.exec(stem.slice(family.layers.length))
  return match ? { block: match[1]!, rest: match[2]! } : undefined
}

function splitSuffix(name: string): readonly [stem: string, suffix: string] {
  const dot = name.lastIndexOf('.')
  return [name.slice(0, dot), name.slice(dot + 1)]
}
