import { access, constants, realpath, stat, statfs } from 'node:fs/promises'
import { dirname, extname, join, relative, resolve, sep } from 'node:path'
import { checkOutputFolder, SinterError } from '@sinter/model'
import { formatNamed } from '../registry/formats.ts'
import type { OutputPlan } from './plan.ts'

/** Where the result goes: one that is a file is put into the folder that `out` names unless it names a file itself. */
export function outputPath(out: string, { container }: OutputPlan): string {
  const { file } = formatNamed(container)
  return file !== undefined && !out.endsWith(extname(file)) ? join(out, file) : out
}

/**
 * Checks that a result can be written, before any work is done.
 * @param input the model, which must not be touched
 * @throws SinterError or FormatError `output` when it exists, lies inside the input, or its folder is read-only
 */
export async function checkOutput(out: string, output: OutputPlan, input: string): Promise<void> {
  const path = outputPath(out, output)
  if (formatNamed(output.container).file === undefined) return checkOutputFolder(path, input)
  if (await stat(path).catch(() => undefined))
    throw new SinterError('output', `${path}: exists; choose another name or remove it`)
  await checkOutside(path, input)
  const parent = await nearestExisting(dirname(resolve(path)))
  if (!(await stat(parent)).isDirectory())
    throw new SinterError('output', `${path}: ${parent} is a file; choose a place in a folder`)
  await access(parent, constants.W_OK).catch(() => {
    throw new SinterError('output', `${path}: the folder ${parent} is read-only`)
  })
}

async function checkOutside(path: string, input: string): Promise<void> {
  const source = await realpath(input)
  if (!(await stat(source)).isDirectory()) return
  const parent = await nearestExisting(dirname(resolve(path)))
  const target = join(await realpath(parent), relative(parent, resolve(path)))
  if (target.startsWith(source + sep))
    throw new SinterError('output', `${path}: lies inside the input ${input}; choose a place outside it`)
}

async function nearestExisting(path: string): Promise<string> {
  return (await stat(path).catch(() => undefined)) ? path : nearestExisting(dirname(path))
}

/** Bytes that may still be written where a path is or will be. */
export async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(await nearestExisting(resolve(path)))
  return bavail * bsize
}

/** @throws SinterError `disk-space` with both numbers */
export async function checkSpace(path: string, needed: number): Promise<void> {
  const free = await freeBytes(path)
  if (free < needed)
    throw new SinterError(
      'disk-space',
      `${path}: the run needs about ${megabytes(needed)} of disk and ${megabytes(free)} are free; make room or choose another place`,
    )
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`
