import type { Model, TensorInfo } from '@sinter/model'
import type { Stored } from '../formats/format.ts'
import { formatNamed } from '../registry/formats.ts'
import type { OutputPlan } from './plan.ts'

/** What the output stores of a tensor. */
export const storedAs = ({ container, encoding }: OutputPlan, info: TensorInfo, compressed: boolean): Stored =>
  formatNamed(container).stored(encoding, info, compressed)

/** Bytes of the weights in the output; tokenizer and header are small beside them. */
export function outputBytes(model: Model, output: OutputPlan, compressed: ReadonlySet<string>): number {
  return model.source
    .names()
    .reduce((sum, name) => sum + storedAs(output, model.source.info(name), compressed.has(name)).bytes, 0)
}
