export type { Budget } from './budget.ts'
export type { CacheHeader } from './cache-header.ts'
export { type EndpointStyleName, endpointStyleNames } from './endpoint-answers.ts'
export {
  activationMap,
  attentionTransfer,
  hiddenCosine,
  hiddenMse,
  logRelation,
  type Relation,
  relationKl,
  repeatHeads,
  toUnitRms,
} from './feature-losses.ts'
export { modelHash, vocabularyHash } from './fingerprints.ts'
export {
  evenLayers,
  type HiddenTransferInput,
  type HiddenTransferOptions,
  hiddenTransfer,
  hiddenTransferSchema,
  type LayerMap,
  PROJECTION,
  type Transfer,
} from './hidden-transfer.ts'
export { blockInfluence, type KeepStrategy, keptBlocks, mostInfluential } from './kept-blocks.ts'
export { type MultiTeacherOptions, multiTeacher, weightsByLoss } from './multi-teacher.ts'
export { inTurn, type PeerEvent } from './mutual.ts'
export {
  type RelationTransferInput,
  type RelationTransferOptions,
  relationTransfer,
  relationTransferSchema,
} from './relation-transfer.ts'
export { type SelfTeacher, selfTeacher } from './self-teacher.ts'
export { type SelfText, type SelfTextOptions, selfText } from './self-text.ts'
export { type SelfTextFileOptions, writeSelfText } from './self-text-file.ts'
export {
  type Divergence,
  type SoftLabelInput,
  type SoftLabelOptions,
  softLabelDefaults,
  softLabelSchema,
  softLabels,
} from './soft-labels.ts'
export { studentOf } from './student-of.ts'
export { modelOfTeacher, type Question, type Teacher, type TopOptions, withTop } from './teacher.ts'
export { type CachedTeacher, type OpenCacheOptions, openTeacherCache } from './teacher-cache.ts'
export { type EndpointOptions, type EndpointTeacher, endpointTeacher } from './teacher-endpoint.ts'
export { TeacherError, type TeacherFailure } from './teacher-error.ts'
export { type LocalTeacherOptions, localTeacher } from './teacher-local.ts'
export * from './token-losses.ts'
export { type TopLabelInput, type TopLabelOptions, topLabelSchema, topLabels } from './top-labels.ts'
export { NO_TOKEN, type TopLoss, topRenormalised, topTail } from './top-losses.ts'
export { sharedVocabulary } from './vocabulary.ts'
export { type CacheProgress, type WriteCacheOptions, writeTeacherCache } from './write-teacher-cache.ts'
