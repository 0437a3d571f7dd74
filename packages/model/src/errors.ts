/** What was wrong, for programs; the message says it to people. */
export type SinterErrorCode =
  | 'recipe'
  | 'unknown-name'
  | 'option'
  | 'rule'
  | 'calibration'
  | 'data'
  | 'tokenizer'
  | 'evaluation'
  | 'teacher'
  | 'diverged'
  | 'output'
  | 'disk-space'
  | 'client-differs'
  | 'client-refused'
  | 'client-missing'

/**
 * Process exit codes: 2 the request makes no sense, 3 what was given to read is no good, 4 no room or no permission, 5 a client
 * does not compute what we do, 6 there is no client to ask.
 */
const exitCodes: { readonly [K in SinterErrorCode]: 2 | 3 | 4 | 5 | 6 } = {
  recipe: 2,
  'unknown-name': 2,
  option: 2,
  rule: 2,
  calibration: 3,
  data: 3,
  tokenizer: 3,
  evaluation: 3,
  teacher: 3,
  diverged: 2,
  output: 4,
  'disk-space': 4,
  'client-differs': 5,
  'client-refused': 5,
  'client-missing': 6,
}

/** Where in a recipe the cause of an error stands, for editors. */
export interface RecipePlace {
  readonly path: readonly (string | number)[]
  /** What the value there was probably meant to be. */
  readonly suggestion?: string | undefined
}

/** An error that its reader can do something about: the message says what was expected, what came, and what to do. */
export class SinterError extends Error {
  override readonly name = 'SinterError'
  readonly code: SinterErrorCode
  /** What a program that stops because of it exits with. */
  readonly exitCode: number
  readonly place: RecipePlace | undefined

  constructor(code: SinterErrorCode, message: string, options?: ErrorOptions & { readonly place?: RecipePlace }) {
    super(message, options)
    this.code = code
    this.place = options?.place
    this.exitCode = exitCodes[code]
  }
}
