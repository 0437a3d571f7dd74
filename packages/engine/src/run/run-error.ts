export type RunErrorCode = 'journal-exists' | 'journal-differs' | 'journal-busy'

/** A run that cannot start or go on; the message says what to do. */
export class RunError extends Error {
  readonly code: RunErrorCode

  constructor(code: RunErrorCode, message: string) {
    super(message)
    this.name = 'RunError'
    this.code = code
  }
}
