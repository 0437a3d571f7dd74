export { compareWeights, relativeChange, type WeightChange } from './compare-weights.ts'
export { collectImportance, type ImportanceOptions } from './convert/collect-importance.ts'
export type { Conversion, ConversionRow, ConvertEvent, ConvertOptions, ConvertResult } from './convert/conversion.ts'
export { type ConversionOptions, openConversion } from './convert/convert.ts'
export { type EvaluateRunOptions, evaluateRun, type RunEvaluation } from './evaluate-run.ts'
export { exitCodeOf } from './exit-code.ts'
export { type FinishRunOptions, finishRun, type Outcome } from './finish-run.ts'
export type { Fit, Format, OutputJob, Stored } from './formats/format.ts'
export { assumedRates, type MachineRates } from './plan/estimate.ts'
export { averageBits, formatPlan } from './plan/format-plan.ts'
export { checkOutput, checkSpace, outputPath } from './plan/output-place.ts'
export type { CalibrationPlan, OutputPlan, Plan, PlanRow, Step } from './plan/plan.ts'
export { planToJson } from './plan/plan-json.ts'
export { type ResolveOptions, resolvePlan } from './plan/resolve.ts'
export { findPreset, type Preset, presets } from './presets/presets.ts'
export { type DiagnosedRecipe, type Diagnostic, diagnoseRecipe } from './recipe/diagnose.ts'
export type { Span } from './recipe/document.ts'
export type { Complaint } from './recipe/issues.ts'
export { recipeJsonSchema } from './recipe/json-schema.ts'
export { checkRecipe, loadRecipe, recipeComplaints } from './recipe/parse.ts'
export type {
  CalibrationRecipe,
  EvaluationRecipe,
  OutputRecipe,
  Recipe,
  RecipeInput,
  RecipeStep,
} from './recipe/recipe.ts'
export { stepsOf } from './recipe/short-form.ts'
export { formatNamed, formats, parseFormat } from './registry/formats.ts'
export { findMethod, methods } from './registry/methods.ts'
export { type Metric, metrics } from './registry/metrics.ts'
export { findAnyMethod, findTrainMethod, trainMethods } from './registry/train-methods.ts'
export { buildReport, type ReportParts, writeReport } from './report/build-report.ts'
export { buildTrainReport, type TrainReportParts, writeTrainReport } from './report/build-train-report.ts'
export { reportQuality } from './report/quality.ts'
export { renderReport } from './report/render.ts'
export {
  type Report,
  type ReportBytes,
  type ReportLayer,
  type ReportQuality,
  reportSchema,
} from './report/report.ts'
export { type TrainCurve, type TrainReport, trainReportSchema } from './report/train-report.ts'
export { type CompressOptions, compress, journalFolder } from './run/compress.ts'
export type { LayerReport, RunEvent, RunResult } from './run/events.ts'
export { RunError, type RunErrorCode } from './run/run-error.ts'
export { lockRun } from './run/run-lock.ts'
export { type KeptRun, keptRuns, removeKeptRun, stopKeptRun } from './runs/kept-runs.ts'
export { removeRunFolder } from './runs/remove-run-folder.ts'
export { adapterNames, adapterParts } from './train/adapters.ts'
export { checkTrainRecipe } from './train/check-recipe.ts'
export { divergedPath } from './train/diverged.ts'
export type { TrainedKind, TrainOptions, TrainResult, TrainRunEvent } from './train/events.ts'
export type { HistoryEvaluation, HistoryStep, TrainHistory } from './train/history.ts'
export { trainJsonSchema } from './train/json-schema.ts'
export { loadTrainRecipe } from './train/load-recipe.ts'
export { type MergeOptions, type MergeResult, mergeAdapter } from './train/merge-adapter.ts'
export { sampleTraining } from './train/sample-training.ts'
export type { TrainDataRecipe, TrainRecipe, TrainRecipeInput } from './train/train-recipe.ts'
export { trainFolder, trainModel } from './train/train-run.ts'
export { type Verification, type VerifyOptions, verify } from './verify/verify.ts'
