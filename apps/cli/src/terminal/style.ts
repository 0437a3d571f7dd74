import type { WriteStream } from 'node:tty'

export type Painter = (text: string) => string

const codes = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], cyan: [36, 39] } as const

/** Colours for a stream: none where nobody sees them, or where NO_COLOR asks for none (no-color.org). */
export function paint(stream: Pick<WriteStream, 'isTTY'>): Readonly<Record<keyof typeof codes, Painter>> {
  const on = colorful(stream)
  const painter = ([open, close]: readonly [number, number]): Painter =>
    on ? text => `\u001b[${open}m${text}\u001b[${close}m` : text => text
  return {
    bold: painter(codes.bold),
    dim: painter(codes.dim),
    red: painter(codes.red),
    green: painter(codes.green),
    yellow: painter(codes.yellow),
    cyan: painter(codes.cyan),
  }
}

export function colorful({ isTTY }: Pick<WriteStream, 'isTTY'>): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  if (NO_COLOR) return false
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0'
  return isTTY === true && TERM !== 'dumb'
}
