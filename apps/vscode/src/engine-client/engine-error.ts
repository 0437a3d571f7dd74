import { type ErrorObject, errorCodes } from '../shared/protocol.ts'

/** Why a request has no answer. */
export type EngineErrorKind = 'cancelled' | 'refused' | 'timeout' | 'crashed' | 'protocol' | 'internal'

export class EngineError extends Error {
  override readonly name = 'EngineError'
  readonly kind: EngineErrorKind
  /** The engine's own word for what it refuses: `rule`, `missing`, `disk-space` … */
  readonly code: string | undefined

  constructor(kind: EngineErrorKind, message: string, code?: string) {
    super(message)
    this.kind = kind
    this.code = code
  }
}

const kinds: Readonly<Record<number, EngineErrorKind>> = {
  [errorCodes.cancelled]: 'cancelled',
  [errorCodes.refused]: 'refused',
  [errorCodes.busy]: 'refused',
  [errorCodes.protocol]: 'protocol',
  [errorCodes.invalidParams]: 'protocol',
  [errorCodes.unknownMethod]: 'protocol',
}

export const errorOf = ({ code, message, data }: ErrorObject): EngineError =>
  new EngineError(kinds[code] ?? 'internal', message, data?.code)
