import { recipeJsonSchema, trainJsonSchema } from '@sinter/engine'
import type { Handler } from '../handler.ts'

export const schema: Handler<'schema'> = async ({ kind }) => ({
  schema: (kind === 'train' ? trainJsonSchema() : recipeJsonSchema()) as Record<string, unknown>,
})
