/** A text as a model learns it. */
export interface Document {
  readonly ids: Int32Array
  /** `targets[t]` is 1 where token t is to be learnt: predicted from the tokens before it. */
  readonly targets: Uint8Array
}

/** A document whose tokens from `from` on are to be learnt. Token 0 never is: there is nothing to predict it from. */
export function documentOf(ids: ArrayLike<number>, from = 0): Document {
  return { ids: Int32Array.from(ids), targets: new Uint8Array(ids.length).fill(1, Math.max(1, from)) }
}
