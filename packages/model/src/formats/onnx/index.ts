export { type OnnxCheckpoint, type OnnxResult, type OnnxWriteOptions, writeOnnx } from './write.ts'
