import type { RecipeService } from './recipe-checker.ts'

export interface RecipeRequest {
  readonly id: number
  readonly method: keyof RecipeService
  readonly params: readonly string[]
}

export interface RecipeAnswer {
  readonly id: number
  readonly result?: unknown
  /** The engine's message. */
  readonly error?: string
}
