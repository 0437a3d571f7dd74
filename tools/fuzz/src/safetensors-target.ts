import { assertFinite, decodeSafetensors, encodeSafetensors } from '@sinter/model'
import { type DType, dtypes, f32, type Tensor, toF32, zeros } from '@sinter/tensor-core'
import { repairLength } from './mutate.ts'
import type { Seed, Target } from './target.ts'

/** Headers and bodies of safetensors: what is accepted is converted, value by value. */
export function safetensorsTarget(): Target {
  const dataBytes = new Map<Seed, number>()
  const seeds = tensorSets().map(({ tensors, metadata }) => {
    const seed: Seed = { bytes: encodeSafetensors(tensors, metadata) }
    dataBytes.set(
      seed,
      [...tensors.values()].reduce((sum, t) => sum + t.data.byteLength, 0),
    )
    return seed
  })
  return {
    name: 'safetensors',
    seeds,
    repair: (bytes, seed, random) => (random.below(2) === 0 ? repairLength(bytes, dataBytes.get(seed)!) : bytes),
    read: async bytes => {
      const { tensors } = decodeSafetensors(bytes, 'file')
      for (const [name, tensor] of tensors) if (tensor.dtype in floats) checkValues(name, tensor)
      return 'accepted'
    },
  }
}

const floats: { readonly [dtype: string]: true } = { f32: true, f16: true, bf16: true, f8e4m3: true, f8e5m2: true }

/** A number that is none is no fault of the file's form. */
function checkValues(name: string, tensor: Tensor): void {
  try {
    assertFinite(name, toF32(tensor))
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
}

interface TensorSet {
  readonly tensors: ReadonlyMap<string, Tensor>
  readonly metadata: Readonly<Record<string, string>>
}

function tensorSets(): readonly TensorSet[] {
  const small = new Map<string, Tensor>([
    ['model.embed_tokens.weight', f32([4, 2], new Float32Array(8))],
    ['model.norm.weight', zeros('bf16', [4])],
    ['flags', zeros('bool', [3])],
  ])
  const every = (Object.keys(dtypes) as DType[]).map(dtype => [dtype, zeros(dtype, [2, 3])] as const)
  const many = Array.from({ length: 40 }, (_, i) => [`layers.${i}.weight`, zeros('f16', [2, i])] as const)
  return [
    { tensors: small, metadata: { format: 'pt' } },
    { tensors: new Map(every), metadata: {} },
    { tensors: new Map(many), metadata: {} },
    { tensors: new Map(), metadata: {} },
  ]
}
