/** One test that runs inside the extension host; it fails by throwing. */
export interface InHostTest {
  readonly name: string
  /** @returns what is worth telling, such as a measurement */
  run(): Promise<string | undefined>
}

export interface InHostResult {
  readonly name: string
  readonly milliseconds: number
  readonly told?: string | undefined
  readonly error?: string | undefined
}

/** Names the file that the results are written to: what the host prints goes to the browser, as format strings. */
export const RESULTS = 'SINTER_IN_HOST_RESULTS'
