import { SinterError } from '@sinter/model'

/** What went wrong with an endpoint, for whoever keeps count. */
export type TeacherFailure = 'http' | 'timeout' | 'network' | 'parse' | 'budget'

/** An endpoint that did not give what it was asked for. */
export class TeacherError extends SinterError {
  readonly failure: TeacherFailure
  /** Of `http`. */
  readonly status?: number

  constructor(
    failure: TeacherFailure,
    message: string,
    { status, ...options }: ErrorOptions & { status?: number } = {},
  ) {
    super('teacher', message, options)
    this.failure = failure
    if (status !== undefined) this.status = status
  }
}
