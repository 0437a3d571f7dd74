/** The result of a command, on standard output. Progress and errors go to standard error, so that pipes stay clean. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, jsonValue, 2))
}

/** Typed arrays would become objects with a key an element. */
function jsonValue(_key: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? [...(value as Float64Array)] : value
}
