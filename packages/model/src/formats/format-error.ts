/** What was wrong, for programs; the message says it to people. */
export type FormatErrorCode =
  | 'truncated'
  | 'magic'
  | 'version'
  | 'limit'
  | 'json'
  | 'duplicate'
  | 'schema'
  | 'dtype'
  | 'offsets'
  | 'size'
  | 'overflow'
  | 'path'
  | 'missing'
  | 'unsupported'
  | 'output'
  | 'disk-full'

/** A checkpoint that cannot be read or written, with the file and the field in the message. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly code: FormatErrorCode

  constructor(code: FormatErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
