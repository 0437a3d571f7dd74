/**
 * How a text is cut and which predictions count. Numbers of different protocols must not be compared.
 *
 * `A` (GPTQ, SparseGPT): windows side by side, each alone, all `length − 1` predictions of each.
 * `B` (llama.cpp): the first token of each window becomes the begin token where the tokenizer wants one, and only the
 * predictions made at positions from `length / 2` on count; the text must hold two windows.
 */
export type Protocol = 'A' | 'B'

/** One stretch of tokens that the model sees alone. */
export interface Window {
  /** Token ids, i32 `[length]`. */
  readonly ids: Int32Array
  /** Positions `first … length − 2` count; position i predicts token i + 1. */
  readonly first: number
}

export interface WindowOptions {
  readonly protocol: Protocol
  /** Tokens of a window. */
  readonly length: number
  /** At most this many, from the start of the text; all that fit when absent. */
  readonly windows?: number | undefined
  /** Put in the first place of each window by protocol B. */
  readonly bosId?: number | undefined
}

/** The longest window anybody asks for: contexts of published models end at 2^20 … 2^23 tokens. */
const MAX_LENGTH = 2 ** 23

/**
 * Cuts token ids into windows; what is left at the end is dropped.
 * @throws RangeError when the text is empty or too short, or an option makes no sense
 */
export function cutWindows(ids: ArrayLike<number>, { protocol, length, windows, bosId }: WindowOptions): Window[] {
  checkWhole('length', length, 3, MAX_LENGTH)
  if (windows !== undefined) checkWhole('windows', windows, 1, Number.MAX_SAFE_INTEGER)
  const needed = protocol === 'B' ? 2 * length : length
  if (ids.length === 0) throw new RangeError('the evaluation text is empty: it has no tokens to predict')
  if (ids.length < needed)
    throw new RangeError(
      `the evaluation text is too short: it has ${ids.length} tokens, and ${needed} are needed ` +
        `(${protocol === 'B' ? 'two windows' : 'one window'} of ${length}); give a longer text or a shorter window`,
    )
  const first = protocol === 'B' ? Math.floor(length / 2) : 0
  const count = Math.min(windows ?? Number.POSITIVE_INFINITY, Math.floor(ids.length / length))
  return Array.from({ length: count }, (_, i) => {
    const window = Int32Array.from({ length }, (_, j) => ids[i * length + j]!)
    if (protocol === 'B' && bosId !== undefined) window[0] = bosId
    return { ids: window, first }
  })
}

function checkWhole(name: string, value: number, min: number, max: number): void {
  if (!Number.isSafeInteger(value) || value < min || value > max)
    throw new RangeError(`${name}: expected a whole number from ${min} to ${max}, got ${value}`)
}
