import { array, boolean, type Guard, number, object, optional, text, whole } from './guard.ts'
import { message, path } from './model-messages.ts'

export interface ConversionParams {
  /** Hugging Face folder, safetensors or GGUF. */
  readonly path: string
  /** `gguf:Q4_K_M`, `hf:bf16`, `onnx:q4` … */
  readonly to: string
}

export const conversionParams: Guard<ConversionParams> = object({ path, to: text(200) })

/** What a conversion would do; nothing is written. */
export interface ConversionPlan {
  /** Its full name. */
  readonly to: string
  readonly tensors: number
  /** Of the tensors. */
  readonly inputBytes: number
  readonly bytes: number
  /** A line for each thing that is not kept exactly. */
  readonly losses: readonly string[]
  readonly notes: readonly string[]
}

export const conversionPlan: Guard<ConversionPlan> = object({
  to: text(200),
  tensors: number,
  inputBytes: number,
  bytes: number,
  losses: array(message, 2 ** 16),
  notes: array(message, 2 ** 16),
})

export interface ConvertParams extends ConversionParams {
  readonly out: string
  readonly threads?: number | undefined
  /** Puts the result in the place of a file that is there, once it is complete. Folders are never replaced. */
  readonly replace?: boolean | undefined
}

export const convertParams: Guard<ConvertParams> = object({
  path,
  to: text(200),
  out: path,
  threads: optional(whole(1, 1024)),
  replace: optional(boolean),
})

export interface Converted {
  readonly path: string
  readonly outputBytes: number
  readonly seconds: number
  readonly notes: readonly string[]
}

export const converted: Guard<Converted> = object({
  path,
  outputBytes: number,
  seconds: number,
  notes: array(message, 2 ** 16),
})
