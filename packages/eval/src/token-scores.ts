/** What is kept of each prediction, in order of windows and positions. */
export interface TokenScores {
  /** −ln p of the token that came, nats. */
  readonly nll: Float64Array
  readonly base?: {
    /** The original's −ln p, nats. */
    readonly nll: Float64Array
    /** KL(base ‖ model), nats. */
    readonly kl: Float64Array
    /** 1 where both find the same token most likely. */
    readonly sameTop: Uint8Array
  }
}

/** One series after another. */
export function joinScores(parts: readonly TokenScores[]): TokenScores {
  const nll = joinF64(parts.map(part => part.nll))
  const bases = parts.flatMap(part => (part.base ? [part.base] : []))
  if (bases.length === 0) return { nll }
  const sameTop = Uint8Array.from(bases.flatMap(base => [...base.sameTop]))
  return { nll, base: { nll: joinF64(bases.map(b => b.nll)), kl: joinF64(bases.map(b => b.kl)), sameTop } }
}

function joinF64(parts: readonly Float64Array[]): Float64Array {
  const out = new Float64Array(parts.reduce((n, part) => n + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
