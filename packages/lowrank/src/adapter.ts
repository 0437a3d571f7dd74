import { type LowRankFactors, type Model, storedLayers } from '@sinter/model'

/** @throws RangeError when an adapter is for another model: a layer that it has not, or factors of another shape */
export function checkAdapter(model: Model, adapter: ReadonlyMap<string, LowRankFactors>): void {
  if (adapter.size === 0)
    throw new RangeError('adapter: it has no layer; nothing was trained, or every rank was taken away')
  const layers = new Map(storedLayers(model).map(({ stored, shape }) => [stored, shape]))
  for (const [layer, { a, b }] of adapter) {
    const shape = layers.get(layer)
    if (!shape) throw new RangeError(`adapter: the model has no layer ${layer}`)
    const [out, width] = shape
    const rank = a.shape[0]
    if (a.shape.join() !== `${rank},${width}` || b.shape.join() !== `${out},${rank}`)
      throw new RangeError(
        `adapter of ${layer}: expected A [rank, ${width}] and B [${out}, rank], got [${a.shape}] and [${b.shape}]`,
      )
  }
}
