/** A stream that callbacks push into and a generator hands out. */
export class EventQueue<T> {
  #items: T[] = []
  #wake: (() => void) | undefined

  push(item: T): void {
    this.#items.push(item)
    this.#wake?.()
  }

  /** Everything pushed until `work` ends; then its result. An error of `work` comes out after what was pushed before it. */
  async *until<R>(work: Promise<R>): AsyncGenerator<T, R> {
    let ended = false
    const end = work.finally(() => {
      ended = true
      this.#wake?.()
    })
    end.catch(() => {})
    while (true) {
      const items = this.#items
      this.#items = []
      yield* items
      if (this.#items.length > 0) continue
      if (ended) return await end
      await new Promise<void>(resolve => {
        this.#wake = resolve
        if (ended || this.#items.length > 0) resolve()
      })
    }
  }
}
