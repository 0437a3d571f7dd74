import { randomBytes, timingSafeEqual } from 'node:crypto'
import {
  acceptedContent,
  type InputRequiredResult,
  inputRequired,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { z } from 'zod'

/** How long a question stays open. */
const OPEN_MS = 15 * 60_000
const MAX_OPEN = 100

const answer = z.object({ start: z.boolean().describe('Start it?') })

export type Confirmation =
  | { readonly state: 'given' }
  /** The client asks its user, and calls again. */
  | { readonly state: 'asked'; readonly result: InputRequiredResult }
  /** The client cannot ask: whoever talks to the user has to, and repeats the call with the token. */
  | { readonly state: 'token'; readonly token: string }

/**
 * Whether a person agreed to exactly this.
 * @param request what would be done; a token counts for the same only, once
 */
export type Confirm = (
  context: ServerContext,
  message: string,
  request: unknown,
  token: string | undefined,
) => Confirmation

/** One for each server: tokens of another are strangers. */
export function createConfirm(server: McpServer, now: () => number = Date.now): Confirm {
  const open = new Map<string, { readonly token: Buffer; readonly until: number }>()
  const redeem = (key: string, token: string): boolean => {
    const found = open.get(key)
    const given = Buffer.from(token, 'hex')
    const right = found && found.until > now() && given.length === found.token.length
    if (!right || !timingSafeEqual(given, found.token)) return false
    return open.delete(key)
  }
  return ({ mcpReq }, message, request, token) => {
    const key = JSON.stringify(request)
    if (server.server.getClientCapabilities()?.elicitation) {
      if (acceptedContent(mcpReq.inputResponses, 'start', answer)?.start === true) return { state: 'given' }
      const start = inputRequired.elicit({ message, requestedSchema: answer })
      return { state: 'asked', result: inputRequired({ inputRequests: { start } }) }
    }
    if (token !== undefined && redeem(key, token)) return { state: 'given' }
    for (const [other, { until }] of open) if (until <= now() || open.size >= MAX_OPEN) open.delete(other)
    const fresh = randomBytes(16)
    open.set(key, { token: fresh, until: now() + OPEN_MS })
    return { state: 'token', token: fresh.toString('hex') }
  }
}
