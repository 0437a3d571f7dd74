export { structureKey } from './block-graph.ts'
export { askChild, type ChildClient } from './clients/ask-child.ts'
export { type Answer as LlamaCppAnswer, askLlamaCpp, type Question as LlamaCppQuestion } from './clients/llama-cpp.ts'
export { type Activation, type BlockShape, blockConfig, type LayerConfig, type ModelConfig } from './config.ts'
export { createModel, type ModelParts } from './create-model.ts'
export { collectDocuments } from './data/collect-documents.ts'
export { type DataFormat, dataFormats } from './data/data-format.ts'
export { createDataset, type Dataset, type DatasetOptions, type TrainBatch } from './data/dataset.ts'
export { type DataStatistics, describeDocuments } from './data/describe-documents.ts'
export { type Document, documentOf } from './data/document.ts'
export type { DocumentEntry, Documents } from './data/documents.ts'
export { type ExampleRun, runsOf } from './data/example.ts'
export type { LayoutOptions } from './data/layout.ts'
export { openDocuments, type ReadOptions } from './data/open-documents.ts'
export { type Split, type SplitOptions, splitDocuments } from './data/split-documents.ts'
export type { StoreOptions } from './data/token-store.ts'
export { type RecipePlace, SinterError, type SinterErrorCode } from './errors.ts'
export type { Family, TensorNames } from './families/family.ts'
export { families, familyOf } from './families/index.ts'
export type { LinearRewrite, Tracer } from './families/tracer.ts'
export { assertFinite } from './finite.ts'
export { type BlockGrid, blockGridBits, blockGrids } from './formats/block-grids.ts'
export {
  decodeValues,
  type Encoding,
  encodedBytes,
  encodeValues,
  encodingNamed,
  encodings,
  findEncoding,
} from './formats/encodings.ts'
export type { IntForm } from './formats/folders/compressed-tensors.ts'
export type { FolderFormat, FoundMatrix } from './formats/folders/folder-format.ts'
export { folderFormatNamed, folderFormatOf, folderFormats } from './formats/folders/folder-formats.ts'
export { type FourBitType, fourBitTables } from './formats/folders/four-bit-tables.ts'
export { int8Rows } from './formats/folders/int8-rows.ts'
export { quantizedSource } from './formats/folders/quantized-source.ts'
export {
  type FolderOptions,
  type FolderSource,
  type WrittenFolder,
  writeCompressedFolder,
} from './formats/folders/write-folder.ts'
export { FormatError, type FormatErrorCode } from './formats/format-error.ts'
export { type GgufSource, openGguf, openGgufFile } from './formats/gguf.ts'
export { configFromMetadata } from './formats/gguf-config.ts'
export {
  checkpointJob,
  type GgufCheckpoint,
  type GgufWriteOptions,
  type TokenizerKeys,
  tokenizerKeys,
  vocabSizeOf,
  writeGguf,
} from './formats/gguf-convert.ts'
export { ggufFamilies, ggufFamilyOf, ggufFamilyOfArch } from './formats/gguf-families.ts'
export type { GgufFamily } from './formats/gguf-family/family.ts'
export { type GgufHeader, parseGgufHeader } from './formats/gguf-header.ts'
export {
  type GgufJob,
  type GgufJobOptions,
  type GgufJobTensor,
  type GgufRows,
  writeGgufJob,
} from './formats/gguf-job.ts'
export { fromGgufLayout, type GgufLayout, gatherRows, ggufLayout, toGgufLayout } from './formats/gguf-layout.ts'
export { configToMetadata } from './formats/gguf-metadata.ts'
export { ggufMixes, type Mix, type MixFacts } from './formats/gguf-mix-table.ts'
export { findMix, type MixRow, type MixTensor, mixFactsOf, typesOfMix } from './formats/gguf-mixes.ts'
export { type GgufModel, ggufModel, openGgufModel } from './formats/gguf-model.ts'
export { blockOf, ggufName, hfName } from './formats/gguf-names.ts'
export { type GgufPlan, type GgufPlanTensor, planGguf } from './formats/gguf-plan.ts'
export { type RequantizeOptions, requantizeJob } from './formats/gguf-requantize.ts'
export { shardPath } from './formats/gguf-shard-names.ts'
export { createGgufShardWriter } from './formats/gguf-shards-write.ts'
export { tokenizerToGguf } from './formats/gguf-tokenizer.ts'
export { type GgufTokenizer, tokenizerFromGguf } from './formats/gguf-tokenizer-read.ts'
export { tokenizerKeysApart } from './formats/gguf-tokenizer-thread.ts'
export * from './formats/gguf-value.ts'
export { createGgufWriter, type GgufSpec, type GgufWriter } from './formats/gguf-write.ts'
export { type Checkpoint, openCheckpoint, readJson } from './formats/hf-directory.ts'
export {
  copySideFiles,
  createWeightsWriter,
  DEFAULT_MAX_SHARD_BYTES,
  type WeightsWriter,
  writeConfig,
  writeTokenizerFiles,
} from './formats/hf-write.ts'
export {
  type ImportanceEntry,
  type ImportanceMatrix,
  meanSquares,
  readImatrix,
  writeImatrix,
} from './formats/imatrix.ts'
export { type Json, type JsonObject, parseJsonStrict } from './formats/json-strict.ts'
export * from './formats/onnx/index.ts'
export { checkOutputFolder, createOutputFolder, type OutputFolder } from './formats/output-folder.ts'
export { packMXFP4, packQ4_0, packQ4_1, packQ5_0, packQ5_1, packQ8_0 } from './formats/pack-codes.ts'
export { packSuperBlocks, type SuperBlockCodes } from './formats/pack-k-codes.ts'
export { openRemoteCheckpoint, openTensors } from './formats/remote.ts'
export { decodeSafetensors, encodeSafetensors, openSafetensors, type SafetensorsSource } from './formats/safetensors.ts'
export { parseSafetensorsHeader, safetensorsHeaderLength } from './formats/safetensors-header.ts'
export type { SafetensorsSpec } from './formats/safetensors-layout.ts'
export { openSafetensorsIndex } from './formats/safetensors-shards.ts'
export { createSafetensorsWriter, type SafetensorsWriter } from './formats/safetensors-write.ts'
export type { TensorInfo, TensorSource } from './formats/source.ts'
export { bitmaskConfig, isSparseConfig, sparseConfig } from './formats/sparse/config.ts'
export { expandSparse } from './formats/sparse/source.ts'
export {
  type SparseInput,
  type SparseStored,
  type SparseWriteOptions,
  writeSparseWeights,
} from './formats/sparse/write.ts'
export { forward } from './forward.ts'
export { createGenerator, type GenerateOptions, type Generator, generate } from './generate.ts'
export { type HeadSlice, headInputs, headSlices, logits, logitsGraph, logitsKey } from './head.ts'
export { type AtomicFile, atomicWriteFile, createAtomicFile, makeFolder, partialPath, syncFolder } from './io/atomic.ts'
export type { OpenFile, RandomAccessFile } from './io/file.ts'
export { isUrl, openUrl } from './io/http.ts'
export * from './method.ts'
export type { BlockGraph, ForwardOptions, HiddenBatch, Model } from './model.ts'
export { type ModelSummary, summarize, type Weigh, weigh } from './model-summary.ts'
export { nearestName } from './nearest.ts'
export { modelOf, openModel } from './open-model.ts'
export { type Opened, openToLook } from './open-to-look.ts'
export { type Rope, ropeTables } from './rope.ts'
export { type SamplingOptions, sampleToken } from './sample.ts'
export { noteHessian } from './solver-notes.ts'
export { requireStatistic } from './statistics.ts'
export { type TextStream, textStream } from './text-stream.ts'
export { byteAlphabet, toByteAlphabet } from './tokenizer/byte-alphabet.ts'
export { type ChatMessage, renderChat } from './tokenizer/chat.ts'
export type { Tokenizer, TokenizerSources } from './tokenizer/tokenizer.ts'
export { loadTokenizer } from './tokenizer/tokenizer.ts'
export { type AdafactorOptions, adafactor } from './train/adafactor.ts'
export type { MomentOptions } from './train/adam-update.ts'
export { type AdamWOptions, adamw } from './train/adamw.ts'
export { adamw8bit } from './train/adamw-8bit.ts'
export { type Averaging, averageInto, averagingRate, averagingSchema } from './train/average.ts'
export { clipFactor, clipGlobalNorm, clipValue, globalNorm, sumSquares } from './train/clip.ts'
export type { FeatureInputs, FeatureNodes, FeatureTerm, Tap } from './train/feature-pass.ts'
export { type FullOptions, full } from './train/full.ts'
export { addGradient, type GradientMap } from './train/gradients.ts'
export { createLearner, type Learner, type LearnerOptions, type StepResult } from './train/learner.ts'
export { type LionOptions, lion } from './train/lion.ts'
export type { LowRankFactors, StepAt, StepHooks, TrainMethod, TrainSetup } from './train/method.ts'
export {
  crossEntropy,
  type LossInputs,
  type Objective,
  type SlicedLoss,
  tokenCrossEntropy,
  weightedSum,
} from './train/objective.ts'
export type { FloatArray, Optimizer, OptimizerState, OptimizerStep } from './train/optimizer.ts'
export { memoryStates, type OptimizerStore, pagedStates } from './train/optimizer-store.ts'
export { optimizerOf, optimizers } from './train/optimizers.ts'
export { overlay, overlayWeights } from './train/overlay.ts'
export { type RmspropOptions, rmsprop } from './train/rmsprop.ts'
export { type Schedule, scheduleOf, scheduleSchema } from './train/schedule.ts'
export { type SgdOptions, sgd } from './train/sgd.ts'
export { layerMatches, ownCopy, type StoredLayer, storedLayers } from './train/stored-layers.ts'
export { everyToken, type TopTokens, type TrainTokens } from './train/target-rows.ts'
export {
  DivergedError,
  newTrainerState,
  noDecayOnVectors,
  type ParameterGroup,
  type TrainEvent,
  type TrainerOptions,
  type TrainerState,
  train,
} from './train/trainer.ts'
