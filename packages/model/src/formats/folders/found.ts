import type { DType, Tensor } from '@sinter/tensor-core'
import { FormatError } from '../format-error.ts'
import type { TensorInfo, TensorSource } from '../source.ts'

/** The tensors of one linear layer in a folder, by what follows its name and a dot. */
export interface Layer {
  /** `model.layers.0.self_attn.q_proj` */
  readonly stem: string
  readonly parts: ReadonlyMap<string, TensorInfo>
}

/**
 * Layers that have a tensor of this name.
 * @param key `qweight`, `weight.absmax`: what marks a layer as compressed
 * @param suffixes all that may belong to one
 */
export function layersWith(source: TensorSource, key: string, suffixes: readonly string[]): Layer[] {
  const layers: Layer[] = []
  for (const name of source.names()) {
    if (!name.endsWith(`.${key}`)) continue
    const stem = name.slice(0, -key.length - 1)
    const parts = new Map<string, TensorInfo>()
    for (const suffix of suffixes)
      if (source.has(`${stem}.${suffix}`)) parts.set(suffix, source.info(`${stem}.${suffix}`))
    layers.push({ stem, parts })
  }
  return layers
}

/** The stored names of a layer's parts. */
export const partNames = ({ stem, parts }: Layer): string[] => [...parts.keys()].map(suffix => `${stem}.${suffix}`)

/** A part that must be there, of one of these types and, where given, this shape (−1: any). */
export function partOf(layer: Layer, suffix: string, dtypes: readonly DType[], shape?: readonly number[]): TensorInfo {
  const info = layer.parts.get(suffix)
  if (!info) throw layerError(layer, `there is no ${suffix}; found ${[...layer.parts.keys()].join(', ')}`, 'missing')
  if (!dtypes.includes(info.dtype))
    throw layerError(layer, `${suffix}: expected ${dtypes.join(' or ')}, got ${info.dtype}`, 'dtype')
  const fits =
    !shape || (shape.length === info.shape.length && shape.every((dim, i) => dim === -1 || dim === info.shape[i]))
  if (!fits) throw layerError(layer, `${suffix}: expected [${shape}], got [${info.shape}]`, 'size')
  return info
}

export const readPart = (source: TensorSource, { stem }: Layer, suffix: string): Promise<Tensor> =>
  source.read(`${stem}.${suffix}`)

/** An error that names the layer. */
export const layerError = (
  { stem }: Pick<Layer, 'stem'>,
  what: string,
  code: 'missing' | 'dtype' | 'size' | 'schema' | 'unsupported' = 'schema',
): FormatError => new FormatError(code, `compressed layer ${JSON.stringify(stem)}: ${what}`)

/** Whole number fields of a config that was read. @throws FormatError `schema` */
export function intField(config: Readonly<Record<string, unknown>>, key: string, min: number, max: number): number {
  const value = config[key]
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw new FormatError(
      'schema',
      `quantization_config.${key}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(value)}`,
    )
  return value
}
