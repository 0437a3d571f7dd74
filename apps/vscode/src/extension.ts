import type * as vscode from 'vscode'

/**
 * Waits only for what registers something; each part loads when it is first imported, and none of them starts the engine.
 * Commands exist when this has ended: the workbench holds back a call until then.
 */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const [{ recipeProcess }, { registerRecipes }, { registerRuns }, { registerDiagnostics }, { registerPending }] =
    await Promise.all([
      import('./host/recipes/recipe-process.ts'),
      import('./host/recipes/register.ts'),
      import('./host/runs-skeleton.ts'),
      import('./host/copy-diagnostics.ts'),
      import('./host/pending.ts'),
    ])
  const service = recipeProcess(context.asAbsolutePath('dist/recipe.mjs'))
  context.subscriptions.push(
    service,
    registerRecipes(service),
    registerRuns(),
    registerDiagnostics(context),
    registerPending(),
  )
}
