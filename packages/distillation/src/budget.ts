import { TeacherError } from './teacher-error.ts'

/** What may be spent; absent is without limit. */
export interface Budget {
  readonly requests?: number | undefined
  /** Sent and received. */
  readonly tokens?: number | undefined
}

export interface Spending {
  /** So far, what was said to have been used, or estimated where nothing was said. */
  readonly spent: { readonly requests: number; readonly tokens: number }
  /** Before a request. @throws TeacherError `budget` when it would be too much */
  reserve(tokens: number): void
  /** After it: what was reserved, and what the server counted. */
  settle(reserved: number, used: number | undefined): void
}

export function createSpending({ requests: mostRequests, tokens: mostTokens }: Budget): Spending {
  const spent = { requests: 0, tokens: 0 }
  return {
    spent,
    reserve(tokens) {
      if (mostRequests !== undefined && spent.requests + 1 > mostRequests)
        throw over(`${spent.requests} of ${mostRequests} requests are made`)
      if (mostTokens !== undefined && spent.tokens + tokens > mostTokens)
        throw over(`${spent.tokens} of ${mostTokens} tokens are used, and the next request has about ${tokens}`)
      spent.requests++
      spent.tokens += tokens
    },
    settle(reserved, used) {
      spent.tokens += (used ?? reserved) - reserved
    },
  }
}

const over = (what: string): TeacherError =>
  new TeacherError(
    'budget',
    `the budget for the teacher is used up: ${what}; raise it, what is written already is kept`,
  )
