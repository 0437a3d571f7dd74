export * from './backends/backend.ts'
export { collectKernel } from './backends/collect-garbage.ts'
export { gemmOn } from './backends/gemm.ts'
export { referenceBackend } from './backends/interpreter.ts'
export { ortNodeBackend } from './backends/ort-node.ts'
export { ortWebBackend } from './backends/ort-web.ts'
export type { WeightRows } from './column-layout.ts'
export { refineColumns } from './column-refine.ts'
export type { QuantizedColumns, SuperColumns } from './column-solution.ts'
export { type ColumnSolution, columnSolve } from './column-solve.ts'
export {
  blockEdges,
  type ColumnSolveOptions,
  type QuantizeOptions,
  type SparseOptions,
} from './column-solve-options.ts'
export * from './compute.ts'
export { createCompute, defaultCompute } from './compute-default.ts'
export {
  bf16Bits,
  bf16ToF32,
  castTo,
  f16Bits,
  f16ToF32,
  f16Value,
  f32ToBf16,
  f32ToF16,
  roundHalfEven,
  roundToF16,
  toF32,
  toF64,
} from './convert.ts'
export * from './dtype.ts'
export { decodeTable, encodeF8E4M3, encodeF8E5M2, type Float8 } from './float8.ts'
export { freeBuffer } from './free-buffer.ts'
export { grad, gradientName, gradients, pullback } from './graph/gradient.ts'
export * from './graph/graph.ts'
export * from './graph/node.ts'
export {
  apply,
  defineOp,
  type GradientRule,
  type NdArray,
  type OnnxAttributes,
  type OnnxEmitter,
  type Op,
  opNames,
  opOf,
} from './graph/op.ts'
export {
  codeOf,
  type FittedGrid,
  fitGrid,
  type Grid,
  type GridSpec,
  gridFromRange,
  levelOf,
  maxCode,
  resolveGrid,
} from './grid.ts'
export { type HessianOptions, type PreparedHessian, prepareHessian } from './hessian.ts'
export { BENCH_VALUES, type GroupBench, groupBench, suitsBench } from './kernels/group-bench.ts'
export { createPool, type KernelRef, kernelRef, type Pool, type RowKernel } from './kernels/pool.ts'
export { inheritedFlags } from './kernels/worker-flags.ts'
export { cholesky, NotPositiveDefiniteError } from './linalg/cholesky.ts'
export { type Eigen, symmetricEigen } from './linalg/eigen.ts'
export { gemm } from './linalg/gemm.ts'
export { lowerFactorOfInverse, upperFactorOfInverse } from './linalg/inverse-factor.ts'
export { identity, matrix, submatrix, transposed } from './linalg/matrix.ts'
export { type Qr, qr } from './linalg/qr.ts'
export { pseudoInverse, type Svd, svd } from './linalg/svd.ts'
export { solveCholesky, solveLower, solveUpper } from './linalg/triangular.ts'
export { createOnnxBuilder, type OnnxBuilder } from './onnx/builder.ts'
export { lowerGraph, toOnnx } from './onnx/lower.ts'
export type { ExternalData } from './onnx/proto.ts'
export { onnxTypes } from './onnx/types.ts'
export * from './ops/index.ts'
export { createRng, type Rng } from './rng.ts'
export { argsort, kthSmallest, maskSmallest, smallest } from './select.ts'
export { fitSuperBlock, type SuperFit, type SuperGrid } from './super-fit.ts'
export type { SuperScales } from './super-scales.ts'
export * from './tensor.ts'
export { packBits, packedBytes, unpackBits } from './weights/bit-pack.ts'
export { type BlockScales, type QuantizedScales, SCALE_BLOCK } from './weights/block-scales.ts'
export { type Codebook, type CodebookWeight, codebookWeight, isCodebook } from './weights/codebook.ts'
export { type DenseWeight, denseAs, denseWeight } from './weights/dense.ts'
export { dynamicMap } from './weights/dynamic-map.ts'
export {
  elementBits,
  elementLevels,
  type FloatGrid,
  type FloatGridWeight,
  floatGridWeight,
  type GridElement,
  gridScales,
  isFloatGrid,
} from './weights/float-grid.ts'
export { packHighFirst, unpackHighFirst } from './weights/high-first.ts'
export { orderBits, type PermutedWeight, permutedWeight } from './weights/permuted.ts'
export {
  groupCount,
  isQuantized,
  packedWeight,
  type Quantized,
  type QuantizedWeight,
  quantizedWeight,
} from './weights/quantized.ts'
export { type ScaledWeight, type Scales, scaledWeight } from './weights/scaled.ts'
export { solvedTwoLevel } from './weights/solved-two-level.ts'
export { type Pattern, type Sparse, type SparseWeight, sparseWeight } from './weights/sparse.ts'
export { indexBits } from './weights/sparse-index.ts'
export { decodeWeight, encodeWeight, type StoredWeight } from './weights/store.ts'
export { type SumWeight, sumWeight } from './weights/sum.ts'
export { isTwoLevel, type TwoLevel, type TwoLevelWeight, twoLevelWeight } from './weights/two-level.ts'
export * from './weights/weight.ts'
