import type { Model } from '@sinter/model'

/**
 * What transformers calls a layer's module. Checkpoints may leave the outer name away (`h.0.attn.c_attn` for
 * `transformer.h.0.attn.c_attn`), modules never do.
 * @param stored name in the checkpoint, without `.weight`
 */
export function moduleName({ family }: Model, stored: string): string {
  const outer = family.tensors.prefixes.filter(prefix => prefix !== '')
  return outer.length === 0 || outer.some(prefix => stored.startsWith(prefix)) ? stored : `${outer[0]}${stored}`
}

export const peftName = (module: string, factor: 'A' | 'B'): string =>
  `base_model.model.${module}.lora_${factor}.weight`

/** `.default` is how the adapter was called in the process that saved it; most versions leave it away. */
const pattern = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/

/** The module and factor that a tensor belongs to, or undefined when it is neither A nor B of a linear. */
export function parsePeftName(name: string): { readonly module: string; readonly factor: 'A' | 'B' } | undefined {
  const found = pattern.exec(name)
  return found ? { module: found[1]!, factor: found[2] as 'A' | 'B' } : undefined
}
