import { type Command, InvalidArgumentError, Option } from 'commander'
import type { ProgressMode } from './terminal/progress.ts'

/** Flags of every command that works for a while. */
export interface OutputFlags {
  readonly json?: boolean
  readonly quiet?: boolean
}

export interface ComputeFlags {
  readonly threads?: number
  readonly backend: 'onnx' | 'reference'
}

export const jsonFlag = (): Option => new Option('--json', 'print the result as JSON on standard output')

export function outputFlags(command: Command): Command {
  return command.addOption(jsonFlag()).option('-q, --quiet', 'no progress')
}

export const threadsFlag = (): Option =>
  new Option('--threads <n>', 'processor threads; default: all').argParser(wholeNumber(1, 1024))

export function computeFlags(command: Command): Command {
  return command
    .addOption(threadsFlag())
    .addOption(
      new Option('--backend <name>', 'ONNX Runtime, or the slow reference interpreter')
        .choices(['onnx', 'reference'])
        .default('onnx'),
    )
}

/** People watching see a line move; logs get lines; programs reading JSON get silence. */
export function progressMode({ json, quiet }: OutputFlags): ProgressMode {
  if (json || quiet) return 'quiet'
  return process.stderr.isTTY ? 'terminal' : 'lines'
}

/** An argument parser for commander that says what it expected. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
    return value
  }
}

export function decimal(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= min && value <= max))
      throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`)
    return value
  }
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 2 ** 10,
  KIB: 2 ** 10,
  KB: 1e3,
  M: 2 ** 20,
  MIB: 2 ** 20,
  MB: 1e6,
  G: 2 ** 30,
  GIB: 2 ** 30,
  GB: 1e9,
}

/** `500000000`, `500MB`, `2GiB` */
export function byteCount(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const unit = units[match?.[2]?.toUpperCase() ?? '?']
  const value = Math.floor(Number(match?.[1]) * (unit ?? Number.NaN))
  if (!Number.isSafeInteger(value) || value <= 0)
    throw new InvalidArgumentError('Expected bytes, such as 500000000, 500MB or 2GiB.')
  return value
}

/** For flags that may be given several times. */
export const collect = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value]
