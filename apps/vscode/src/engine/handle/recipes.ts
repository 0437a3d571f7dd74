import type { PresetsResult } from '../../shared/protocol.ts'
import type { Handler } from '../handler.ts'
import { recipeService } from '../recipe-service.ts'

export const check: Handler<'recipeCheck'> = async ({ text, path }) => ({
  diagnostics: await recipeService.check(text, path),
})

export const planTable: Handler<'recipePlan'> = ({ text, path, ...limits }) => recipeService.plan(text, path, limits)

export const presets = async (): Promise<PresetsResult> => ({ presets: await recipeService.presets() })
