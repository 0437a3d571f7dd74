import type { Model, TensorInfo } from '@sinter/model'
import type { Stored } from '../formats/format.ts'
import { formatNamed } from '../registry/formats.ts'
import type { OutputPlan } from './plan.ts'

/** What the output stores of a tensor. */
export const storedAs = (
  { container, encoding }: OutputPlan,
  info: TensorInfo,
  compressed: boolean,
  bitsPerWeight?: number,
): Stored => formatNamed(container).stored(encoding, info, compressed, bitsPerWeight)

/**
 * Bytes of the weights in the output; tokenizer and header are small beside them.
 * @param compressed bits a weight of the matrices that are compressed
 */
export function outputBytes(model: Model, output: OutputPlan, compressed: ReadonlyMap<string, number>): number {
  const { source } = model
  const bytes = (name: string) => storedAs(output, source.info(name), compressed.has(name), compressed.get(name)).bytes
  return source.names().reduce((sum, name) => sum + bytes(name), 0)
}
