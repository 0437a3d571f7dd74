/** Waits for something that another process does; the test's own time limit ends it. */
export async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>> {
  while (true) {
    const found = await look()
    if (found) return found as NonNullable<T>
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
