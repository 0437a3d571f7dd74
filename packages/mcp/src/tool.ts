import type { CallToolResult, McpServer, ServerContext } from '@modelcontextprotocol/server'
import type { Confirm } from './confirm.ts'
import type { Places } from './places.ts'

/** What tools work with. */
export interface Served {
  readonly server: McpServer
  readonly places: Places
  readonly confirm: Confirm
}

/** Adds one tool to a server. */
export type AddTool = (served: Served) => void

/** Results are read by models: longer ones would push all else out of their sight. */
const MAX_TEXT = 40_000

/** For programs as they are, for models as text. */
export function answer(structuredContent: Record<string, unknown>, text?: string): CallToolResult {
  const all = text ?? JSON.stringify(structuredContent, undefined, 1)
  const shown = all.length <= MAX_TEXT ? all : `${all.slice(0, MAX_TEXT)}\n… (${all.length - MAX_TEXT} characters more)`
  return { structuredContent, content: [{ type: 'text', text: shown }] }
}

/** What was expected, what came and what to do: the messages of the engine are written for people, and do for models. */
export const failed = (error: unknown): CallToolResult => ({
  isError: true,
  content: [{ type: 'text', text: error instanceof Error ? error.message : String(error) }],
})

/** Tells the client how far work is, as often as an eye follows. */
export function progressOf({ mcpReq }: ServerContext): (message: string, done: number, total: number) => void {
  const progressToken = mcpReq._meta?.progressToken
  let shown = Number.NEGATIVE_INFINITY
  let step = 0
  return (message, done, total) => {
    const now = performance.now()
    if (progressToken === undefined || (now - shown < 200 && done < total)) return
    shown = now
    // The protocol wants numbers that only grow, whatever stage begins anew.
    const params = { progressToken, progress: ++step, message: `${message}: ${done} of ${total}` }
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => {})
  }
}
