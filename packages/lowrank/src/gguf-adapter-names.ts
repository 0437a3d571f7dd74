import {
  blockConfig,
  blockOf,
  type GgufFamily,
  type GgufLayout,
  ggufFamilyOf,
  ggufLayout,
  ggufName,
  type Model,
} from '@sinter/model'

/** What llama.cpp calls the model's family. @throws FormatError `unsupported` when it has none */
export const familyInGguf = ({ config }: Model): GgufFamily =>
  ggufFamilyOf(
    config.modelType,
    config.layers.some(({ shape }) => shape !== undefined),
  )

/** The name of a layer's matrix in a GGUF file, and where the rows of its B `[out, rank]` go: factors are never transposed. */
export function layerInGguf(
  model: Model,
  family: GgufFamily,
  stored: string,
): { readonly weight: string; readonly layout: GgufLayout } {
  const name = `${stored}.weight`
  const heads = blockConfig(model.config, blockOf(family, name) ?? 0)
  return { weight: ggufName(family, name)!, layout: { ...ggufLayout(family, name, heads), transpose: false } }
}
