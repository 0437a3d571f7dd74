export { type OnnxTensorSource, openOnnx, openOnnxBytes, openOnnxInitializers, parseOnnx } from './open.ts'
export { type Rounded, roundedAs } from './rounded.ts'
export { onnxTypes } from './types.ts'
export { type OnnxCheckpoint, type OnnxResult, type OnnxWriteOptions, writeOnnx } from './write.ts'
