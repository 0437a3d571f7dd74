import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { RunList } from '../runs/run-list.ts'
import { chatProvider } from './chat-provider.ts'
import { type AssistantTool, assistantTools, type ToolInput } from './tools.ts'

/** Results are read by models: longer ones would push all else out of their sight. */
const MAX_TEXT = 40_000

/** The engine's tools for language models of the editor, and results as models to chat with, where it has such. */
export function registerAssistants(client: EngineClient, runs: RunList): vscode.Disposable {
  // Editors that are built from the same sources may leave the whole part out.
  const tools = typeof vscode.lm?.registerTool === 'function' ? Object.entries(assistantTools) : []
  const chats = typeof vscode.lm?.registerLanguageModelChatProvider === 'function' ? [registerChats(client, runs)] : []
  return vscode.Disposable.from(
    ...tools.map(([name, tool]) => vscode.lm.registerTool(name, adapted(client, tool))),
    ...chats,
  )
}

function registerChats(client: EngineClient, runs: RunList): vscode.Disposable {
  const provider = chatProvider(client, runs)
  return vscode.Disposable.from(provider, vscode.lm.registerLanguageModelChatProvider('sinter', provider))
}

function adapted(client: EngineClient, { run, question }: AssistantTool): vscode.LanguageModelTool<ToolInput> {
  return {
    async invoke({ input }, token) {
      const aborter = new AbortController()
      const listening = token.onCancellationRequested(() => aborter.abort())
      try {
        const text = JSON.stringify(await run(client, input, { signal: aborter.signal }))
        const more = text.length - MAX_TEXT
        const shown = more > 0 ? `${text.slice(0, MAX_TEXT)}… (${more} characters more)` : text
        return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(shown)])
      } finally {
        listening.dispose()
      }
    },
    ...(question && {
      async prepareInvocation({ input }) {
        const confirmationMessages = {
          title: vscode.l10n.t('Compress a model'),
          message: await question(client, input),
        }
        return { confirmationMessages }
      },
    }),
  }
}
