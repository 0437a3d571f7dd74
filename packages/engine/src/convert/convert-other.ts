import { type Model, modelOf, openCheckpoint } from '@sinter/model'
import { sizeOf } from '@sinter/tensor-core'
import type { OutputPlan } from '../plan/plan.ts'
import { formatNamed } from '../registry/formats.ts'
import { originalSource } from '../run/compressed-source.ts'
import type { ConversionRow, Route } from './conversion.ts'

/** To a container that is written from values: the row of the table does it. */
export async function otherRoute(input: string, { container, encoding }: OutputPlan): Promise<Route> {
  const model = await modelOf(await openCheckpoint(input))
  const format = formatNamed(container)
  const names = model.source.names()
  return {
    rows: names.map((name): ConversionRow => {
      const info = model.source.info(name)
      const { type, bytes } = format.stored(encoding, info, false)
      return { tensor: name, shape: info.shape, from: info.encoding, to: type.toUpperCase(), bytes, weighed: false }
    }),
    inputBytes: names.reduce((sum, name) => sum + model.source.info(name).bytes, 0),
    notes: [],
    close: () => model.close(),
    async write({ out, signal, onValues }) {
      const sizes = tensorSizes(model)
      const checkpoint = await openCheckpoint(input)
      try {
        const onProgress = (done: number) => onValues(sizes[done - 1]!, sizes.at(-1)!)
        const job = { input, type: encoding, compressed: new Set<string>(), out, signal, onProgress }
        const notes = await format.write(job, originalSource(model), checkpoint)
        return notes.map(({ note }) => note.message)
      } finally {
        await checkpoint.close()
      }
    },
  }
}

/** Values up to the end of each tensor. */
function tensorSizes({ source }: Model): number[] {
  let total = 0
  return source.names().map(name => (total += sizeOf(source.info(name).shape)))
}
