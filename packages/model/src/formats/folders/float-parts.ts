import { elementBits, type FloatGrid, type FloatGridWeight, type Tensor, type Weight } from '@sinter/tensor-core'

/** The forms of small floats that compressed-tensors knows by name. */
export type FloatForm = 'float-quantized' | 'nvfp4-pack-quantized' | 'mxfp4-pack-quantized' | 'mxfp8-quantized'

/** The form of a matrix of small floats; a reason when it is none of them. */
export function floatForm(weight: Weight): FloatForm | { readonly problem: string } {
  const { grid } = weight as FloatGridWeight
  const { element, block, scales, shape } = grid
  const wide = (columns: number) => block[0] === 1 && block[1] === columns && shape[1] % columns === 0
  if (element === 'e2m1') {
    if (wide(16) && scales.dtype === 'f8e4m3' && grid.globalScale !== undefined) return 'nvfp4-pack-quantized'
    if (wide(32) && scales.dtype === 'u8') return 'mxfp4-pack-quantized'
    return {
      problem: 'its 4-bit floats are neither NVFP4 (16 columns, E4M3 scales) nor MXFP4 (32 columns, powers of two)',
    }
  }
  if (element !== 'e4m3') return { problem: 'its floats are E5M2, and the format holds E4M3' }
  if (wide(32) && scales.dtype === 'u8') return 'mxfp8-quantized'
  if (scales.dtype === 'u8' || scales.dtype.startsWith('f8') || grid.globalScale !== undefined)
    return {
      problem:
        'its FP8 scales are none that the format holds: floats of 16 or 32 bits, or powers of two for 32 columns',
    }
  return 'float-quantized'
}

/** How many values share a scale, in the words of compressed-tensors. */
export function floatStrategy({ shape: [rows, cols], block: [tall, wide] }: FloatGrid): Record<string, unknown> {
  if (tall >= rows && wide >= cols && rows > 1) return { strategy: 'tensor' }
  if (tall === 1 && wide >= cols) return { strategy: 'channel' }
  if (tall === 1) return { strategy: 'group', group_size: wide }
  return { strategy: 'block', block_structure: [tall, wide] }
}

/** The tensors of a matrix of small floats. */
export function floatTensors(weight: Weight): Record<string, Tensor> {
  const { grid } = weight as FloatGridWeight
  const [rows, cols] = grid.shape
  const perMatrix = floatStrategy(grid).strategy === 'tensor'
  const scale: Tensor = perMatrix ? { ...grid.scales, shape: [1] } : grid.scales
  if (elementBits(grid.element) === 8)
    return { weight: { dtype: 'f8e4m3', shape: [rows, cols], data: grid.codes }, weight_scale: scale }
  return {
    weight_packed: { dtype: 'u8', shape: [rows, cols / 2], data: grid.codes },
    weight_scale: scale,
    ...(grid.globalScale !== undefined && {
      weight_global_scale: { dtype: 'f32', shape: [1], data: Float32Array.of(grid.globalScale) },
    }),
  }
}
