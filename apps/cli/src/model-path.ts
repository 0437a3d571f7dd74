import { UsageError } from './failure.ts'

/** The model that the command line names, or else the recipe. @throws UsageError */
export function modelPath(argument: string | undefined, recipe: { readonly model?: string | undefined }): string {
  const path = argument ?? recipe.model
  if (path === undefined)
    throw new UsageError(
      'which model? Give its folder or file as the first argument, or write `model:` into the recipe',
    )
  return path
}
