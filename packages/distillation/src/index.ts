export { type Divergence, type SoftLabelOptions, softLabelDefaults, softLabelSchema, softLabels } from './soft-labels.ts'
export * from './token-losses.ts'
