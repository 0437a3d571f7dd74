import {
  type CodebookWeight,
  dynamicMap,
  f16ToF32,
  f32,
  SCALE_BLOCK,
  type Tensor,
  type Weight,
} from '@sinter/tensor-core'
import type { Config } from '../config-fields.ts'
import { findFourBit } from './bitsandbytes-read.ts'
import type { FolderFormat, Scheme, StoredAs } from './folder-format.ts'
import { type FourBitType, fourBitTables, levelsEqual } from './four-bit-tables.ts'
import { oneScheme } from './schemes.ts'

/**
 * bitsandbytes with 4 bits (arXiv:2305.14314): codes two a byte, the first in the high half, places in a table; the largest |w| of every
 * block in f32 or, quantized too, in 8 bits.
 */
export const bitsandbytesFolder: FolderFormat = {
  name: 'bitsandbytes',
  title: 'bitsandbytes folder, 4 bits: NF4 and FP4',
  mixed: false,
  cannotHold,
  tensorsOf,
  schemeOf,
  config: configOf,
  matches: config => isBitsandbytes(config) && config.load_in_8bit !== true,
  find: findFourBit,
}

/** Early files name no method. */
export const isBitsandbytes = (config: Config): boolean =>
  config.quant_method === 'bitsandbytes' || (config.quant_method === undefined && 'load_in_4bit' in config)

function cannotHold(weight: Weight): string | undefined {
  if (weight.kind !== 'codebook')
    return `it is ${weight.kind}, and the format holds places in the tables of NF4 and FP4`
  const { codebook } = weight as CodebookWeight
  if (typeOf(weight) === undefined) return 'its table is neither that of NF4 nor that of FP4'
  if (codebook.shape[1] % 2 !== 0) return `its ${codebook.shape[1]} columns are an odd number`
  // The sizes that its kernels have.
  return [32, 64, 128, 256, 512, 1024, 2048, 4096].includes(codebook.blockSize)
    ? undefined
    : `its blocks have ${codebook.blockSize} values, and the format has powers of two from 32 to 4096`
}

function typeOf(weight: Weight): FourBitType | undefined {
  const { bits, levels } = (weight as CodebookWeight).codebook
  return bits === 4 ? (['nf4', 'fp4'] as const).find(type => levelsEqual(levels, fourBitTables[type])) : undefined
}

function tensorsOf(weight: Weight, stored: StoredAs): Record<string, Tensor> {
  const { shape, blockSize, levels, packed, scales } = (weight as CodebookWeight).codebook
  const type = typeOf(weight)!
  const state = { quant_type: type, blocksize: blockSize, dtype: stored.dtype, shape: [...shape] }
  const base = {
    weight: { dtype: 'u8', shape: [packed.length, 1], data: packed } as Tensor,
    'weight.quant_map': f32([levels.length], levels.slice()),
  }
  const stateName = `weight.quant_state.bitsandbytes__${type}`
  if (scales instanceof Float32Array || scales instanceof Uint16Array) {
    const absmax = scales instanceof Float32Array ? scales : f16ToF32(scales)
    return { ...base, 'weight.absmax': f32([absmax.length], absmax), [stateName]: jsonTensor(state) }
  }
  const { codes, absmax, offset } = scales
  return {
    ...base,
    'weight.absmax': { dtype: 'u8', shape: [codes.length], data: codes },
    'weight.nested_absmax': f32([absmax.length], absmax),
    'weight.nested_quant_map': f32([256], dynamicMap().slice()),
    [stateName]: jsonTensor({
      ...state,
      nested_blocksize: SCALE_BLOCK,
      nested_dtype: 'float32',
      nested_offset: offset,
    }),
  }
}

/** Small facts lie beside the tensors as bytes of JSON. */
function jsonTensor(value: unknown): Tensor {
  const data = new TextEncoder().encode(JSON.stringify(value))
  return { dtype: 'u8', shape: [data.length], data }
}

function schemeOf(weight: Weight): Scheme {
  const { scales } = (weight as CodebookWeight).codebook
  return { bnb_4bit_quant_type: typeOf(weight), bnb_4bit_use_double_quant: !(scales instanceof Float32Array) }
}

function configOf(held: ReadonlyMap<string, Scheme>, plain: readonly string[]): Config {
  return {
    quant_method: 'bitsandbytes',
    load_in_4bit: true,
    load_in_8bit: false,
    ...oneScheme('bitsandbytes', held),
    bnb_4bit_compute_dtype: 'float32',
    bnb_4bit_quant_storage: 'uint8',
    llm_int8_skip_modules: [...plain],
    llm_int8_has_fp16_weight: false,
    llm_int8_enable_fp32_cpu_offload: false,
  }
}
