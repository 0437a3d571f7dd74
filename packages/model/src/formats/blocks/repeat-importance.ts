/** The importances of `count` values from value `from` on, of rows of `width`. */
export function repeatImportance(importance: Float32Array, width: number, from: number, count: number): Float32Array {
  const column = from % width
  if (column + count <= width) return importance.subarray(column, column + count)
  const out = new Float32Array(count)
  for (let done = 0; done < count; ) {
    const at = (from + done) % width
    const part = importance.subarray(at, at + Math.min(width - at, count - done))
    out.set(part, done)
    done += part.length
  }
  return out
}
