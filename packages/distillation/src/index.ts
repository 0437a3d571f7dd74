export { type Divergence, type SoftLabelOptions, softLabelDefaults, softLabels } from './soft-labels.ts'
export * from './token-losses.ts'
