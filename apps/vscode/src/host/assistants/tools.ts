import * as vscode from 'vscode'
import type { EngineClient, RequestOptions } from '../../engine-client/index.ts'
import type { PlanResult, RecipeParams } from '../../shared/protocol.ts'
import { byteText, showDuration } from '../../shared/units.ts'
import { limitsOf } from '../limits.ts'
import { pathOf } from '../paths.ts'
import { startRun } from '../runs/start-run.ts'
import { inWorkspace, workspaceFolder } from './places.ts'

/** What a model gave; nobody has looked at it. */
export type ToolInput = Readonly<Record<string, unknown>>

export interface AssistantTool {
  /** @returns what the model is told */
  run(client: EngineClient, input: ToolInput, options: RequestOptions): Promise<unknown>
  /** Asked of the user before it runs. */
  readonly question?: (client: EngineClient, input: ToolInput) => Promise<string>
}

const MAX_TENSORS = 100

const recipePlace = (): vscode.Uri => vscode.Uri.joinPath(workspaceFolder().uri, 'assistant.sinter.jsonc')

/** The recipe as a file of the workspace's root would say it; its texts lie in the workspace too. */
function recipeParams({ recipe, model, out }: ToolInput): RecipeParams {
  if (typeof recipe !== 'object' || recipe === null) throw new Error(vscode.l10n.t('A recipe is missing.'))
  const { calibration, evaluate } = recipe as { calibration?: ToolInput; evaluate?: ToolInput }
  for (const part of [calibration, evaluate]) if (part?.text !== undefined) inWorkspace(part.text)
  return {
    text: JSON.stringify(recipe),
    path: pathOf(recipePlace()),
    model: inWorkspace(model ?? (recipe as ToolInput).model),
    ...(out !== undefined && { out: inWorkspace(out) }),
    ...limitsOf(recipePlace()),
  }
}

async function plan(client: EngineClient, input: ToolInput, options?: RequestOptions): Promise<PlanResult> {
  return client.request('plan', recipeParams(input), options)
}

/** By the names of the manifest. */
export const assistantTools: Readonly<Record<string, AssistantTool>> = {
  sinter_inspect: {
    async run(client, { model, offset }, options) {
      const at = Number.isSafeInteger(offset) ? (offset as number) : 0
      return client.request('inspect', { path: inWorkspace(model), offset: at, limit: MAX_TENSORS }, options)
    },
  },
  sinter_explain: {
    async run(client, { name }, options) {
      const all = await client.request('methods', {}, options)
      if (typeof name !== 'string') return all
      const isIt = (one: { readonly name: string }): boolean => one.name.toLowerCase() === name.toLowerCase()
      return {
        methods: all.methods.filter(isIt),
        presets: all.presets.filter(isIt),
        formats: all.formats.filter(isIt),
      }
    },
  },
  sinter_plan: { run: plan },
  sinter_estimate: {
    async run(client, input, options) {
      const { diagnostics, plan: found } = await plan(client, input, options)
      if (!found) return { diagnostics }
      const { tensors: _, ...rest } = found
      return { diagnostics, plan: rest }
    },
  },
  sinter_run: {
    async question(client, input) {
      const { plan: found, diagnostics } = await plan(client, input)
      if (!found) throw new Error(diagnostics.map(({ message }) => message).join('\n'))
      const { estimate, model, out } = found
      return vscode.l10n.t('Compress {model} into {out}? About {time}, {memory} of memory, {disk} of disk.', {
        model,
        out,
        time: showDuration(estimate.seconds),
        memory: byteText(estimate.memoryBytes),
        disk: byteText(estimate.diskBytes),
      })
    },
    async run(client, input) {
      const { text, model, out } = recipeParams(input)
      const { run, diagnostics } = await startRun(client, recipePlace(), text, { model, out })
      return { run, diagnostics }
    },
  },
  sinter_runs: {
    run: (client, _, options) => client.request('runList', { workspace: pathOf(workspaceFolder().uri) }, options),
  },
  sinter_compare: {
    async run(client, { original, model }, options) {
      const found = await client.request(
        'compare',
        { original: inWorkspace(original), model: inWorkspace(model) },
        options,
      )
      const most = found.tensors.toSorted((a, b) => (b.error ?? 0) - (a.error ?? 0)).slice(0, MAX_TENSORS)
      return { ...found, tensors: most }
    },
  },
}
