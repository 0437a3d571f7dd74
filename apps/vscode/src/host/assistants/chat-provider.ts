import { basename } from 'node:path'
import * as vscode from 'vscode'
import type { EngineClient } from '../../engine-client/index.ts'
import type { ChatTurn } from '../../shared/protocol.ts'
import { isDone } from '../runs/choose-run.ts'
import { resultPath } from '../runs/result-path.ts'
import type { RunList } from '../runs/run-list.ts'
import { requirePlace } from '../runs/start-run.ts'

interface Result extends vscode.LanguageModelChatInformation {
  readonly path: string
}

/** Of an answer. */
const MAX_TOKENS = 1024

/** Results of the workspace's runs as models to chat with, the newest first, in a trusted folder. They run here, in 32 bits. */
export function chatProvider(
  client: EngineClient,
  runs: RunList,
): vscode.LanguageModelChatProvider<Result> & vscode.Disposable {
  const changed = new vscode.EventEmitter<void>()
  const done = new Set<string>()
  const listening = vscode.Disposable.from(
    changed,
    vscode.workspace.onDidGrantWorkspaceTrust(() => changed.fire()),
    runs.onChange(shown => {
      // Every second something changes while a run is on; models do when one ends.
      if (isDone(shown) && !done.has(shown.run.id)) {
        done.add(shown.run.id)
        changed.fire()
      }
    }),
    runs.onGone(({ run }) => {
      if (done.delete(run.id)) changed.fire()
    }),
  )
  return {
    dispose: () => listening.dispose(),
    onDidChangeLanguageModelChatInformation: changed.event,
    async provideLanguageModelChatInformation() {
      if (!vscode.workspace.isTrusted) return []
      const finished = runs.all().filter(isDone)
      const found = await Promise.all(
        finished.map(async shown => {
          try {
            const path = await resultPath(shown)
            const { model, bitsPerWeight } = await client.request('inspect', { path, offset: 0, limit: 0 })
            if (!model?.tokenizer) return []
            const most = model.maxPositions
            return [
              {
                id: shown.run.id,
                path,
                name: basename(path),
                family: model.family,
                version: shown.run.id,
                detail: vscode.l10n.t('{bits} bits a weight', { bits: Number(bitsPerWeight.toFixed(2)) }),
                tooltip: path,
                maxInputTokens: most,
                maxOutputTokens: Math.min(MAX_TOKENS, most),
                capabilities: {},
              },
            ]
          } catch {
            // Moved, or of a format that no conversation can be had with.
            return []
          }
        }),
      )
      return found.flat()
    },
    async provideLanguageModelChatResponse({ path, maxOutputTokens }, messages, _, progress, token) {
      requirePlace()
      const aborter = new AbortController()
      const listening = token.onCancellationRequested(() => aborter.abort())
      try {
        await client.request(
          'chat',
          { path, messages: messages.map(turnOf), tokens: maxOutputTokens },
          {
            signal: aborter.signal,
            onEvent: event => {
              if (event.type === 'text') progress.report(new vscode.LanguageModelTextPart(event.text))
            },
          },
        )
      } finally {
        listening.dispose()
      }
    },
    async provideTokenCount({ path }, text) {
      const content = typeof text === 'string' ? text : turnOf(text).content
      return (await client.request('countTokens', { path, text: content })).tokens
    },
  }
}

function turnOf({ role, content }: vscode.LanguageModelChatRequestMessage): ChatTurn {
  const texts = content.flatMap(part => (part instanceof vscode.LanguageModelTextPart ? [part.value] : []))
  const isAssistant = role === vscode.LanguageModelChatMessageRole.Assistant
  return { role: isAssistant ? 'assistant' : 'user', content: texts.join('') }
}
