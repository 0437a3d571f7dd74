import { expect, test, vi } from 'vitest'
import { registerPlanCommands } from '../src/host/recipes/plan-commands.ts'
import type { Limits, RecipeService } from '../src/shared/recipe-checker.ts'
import { runsWorkbench as workbench } from './helpers/fake-runs-workbench.ts'

vi.mock('vscode', async () => (await import('./helpers/fake-runs-workbench.ts')).fakeRunsVscode)

test('an estimate is that of a run under the settings', async () => {
  const asked: Limits[] = []
  const service: Pick<RecipeService, 'plan'> = {
    async plan(_text, _path, limits) {
      asked.push(limits)
      return { text: '', seconds: 60, memoryBytes: 2 ** 20, outputBytes: 2 ** 20, diskBytes: 2 ** 20 }
    },
  }
  const uri = { scheme: 'file', path: '/a.sinter.jsonc', fsPath: '/a.sinter.jsonc' }
  workbench.document = { uri, languageId: 'jsonc', getText: () => '{}' }
  registerPlanCommands(service as RecipeService)
  await workbench.commands.get('sinter.estimate')!()
  // The fake's only setting.
  expect(asked).toEqual([{ threads: 1 }])
  expect(workbench.messages[0]).toMatch(/^a\.sinter\.jsonc: about /)
})
