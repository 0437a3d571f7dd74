import type { Codebook, CodebookWeight, Weight } from '@sinter/tensor-core'
import { fourBitTables, levelsEqual } from '../folders/four-bit-tables.ts'
import { partNames, partRecord, readParts } from './emitted-form.ts'
import type { WeightForm } from './weight-form.ts'

/** The tables that `MatMulBnb4` has built in, by its `quant_type`. They are those of bitsandbytes. */
const tables: readonly Float32Array[] = [fourBitTables.fp4, fourBitTables.nf4]

const codebookOf = (weight: Weight): Codebook => (weight as CodebookWeight).codebook

const tableOf = ({ bits, levels }: Codebook): number =>
  bits === 4 ? tables.findIndex(table => levelsEqual(table, levels)) : -1

/** Whether the codes are NF4 or FP4 in blocks that `MatMulBnb4` takes: powers of 2 from 16 on. */
export function isBnb4(weight: Weight): boolean {
  const codebook = codebookOf(weight)
  const { shape, blockSize } = codebook
  const power = blockSize >= 16 && (blockSize & (blockSize - 1)) === 0
  return power && (shape[0] * shape[1]) % blockSize === 0 && tableOf(codebook) >= 0
}

/** NF4 and FP4 with the codes as they are; scales that are quantized themselves are widened for the kernel. */
export const bnb4: WeightForm = {
  emit({ builder, store }, weight, x, name) {
    const codebook = codebookOf(weight)
    const [out, width] = codebook.shape
    const scales = weight.inputs(name)[`${name}.scales`]!
    const given = {
      [`${name}.codes`]: weight.parts().codes!,
      [`${name}.scales`]: { ...scales, shape: [scales.data.length] },
    }
    for (const [key, tensor] of Object.entries(given)) store.put(key, tensor)
    const y = builder.node(
      'MatMulBnb4',
      [x, ...Object.keys(given)],
      {
        K: BigInt(width),
        N: BigInt(out),
        block_size: BigInt(codebook.blockSize),
        quant_type: BigInt(tableOf(codebook)),
      },
      'com.microsoft',
    )
    return { y, record: { kind: 'bnb4', ...partRecord(store, weight, name, given) } }
  },
  encoding: () => 'MatMulBnb4',
  parts: partNames,
  read: readParts,
}
