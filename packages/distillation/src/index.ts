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
export { type MultiTeacherOptions, multiTeacher, weightsByLoss } from './multi-teacher.ts'
export {
  type RelationTransferInput,
  type RelationTransferOptions,
  relationTransfer,
  relationTransferSchema,
} from './relation-transfer.ts'
export {
  type Divergence,
  type SoftLabelInput,
  type SoftLabelOptions,
  softLabelDefaults,
  softLabelSchema,
  softLabels,
} from './soft-labels.ts'
export * from './token-losses.ts'
export { type TopLabelInput, type TopLabelOptions, topLabelSchema, topLabels } from './top-labels.ts'
export { NO_TOKEN, type TopLoss, topRenormalised, topTail } from './top-losses.ts'
