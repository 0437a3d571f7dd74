import { randomUUID } from 'node:crypto'
import { realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Conversion, openConversion, outputPath } from '@sinter/engine'
import { SinterError } from '@sinter/model'
import type { Converted } from '../../shared/protocol.ts'
import type { Handler, RequestContext } from '../handler.ts'

export const planConversion: Handler<'conversionPlan'> = async ({ path, to }) => {
  const conversion = await openConversion(path, { to })
  const { output, rows, inputBytes, bytes, losses, notes } = conversion
  await conversion.close()
  return { to: `${output.container}:${output.encoding}`, tensors: rows.length, inputBytes, bytes, losses, notes }
}

export const convert: Handler<'convert'> = async ({ path, to, out, threads, replace }, context) => {
  const conversion = await openConversion(path, { to })
  try {
    const there = outputPath(out, conversion.output)
    return replace && (await isFile(there))
      ? await replaced(conversion, there, threads, context)
      : await written(conversion, out, threads, context)
  } finally {
    await conversion.close()
  }
}

/** What is there stays until the new one is complete. */
async function replaced(
  conversion: Conversion,
  there: string,
  threads: number | undefined,
  context: RequestContext,
): Promise<Converted> {
  if ((await realpath(there)) === (await realpath(conversion.input)))
    throw new SinterError('output', `${there}: is the model that is converted; choose another name`)
  const beside = join(dirname(there), `.${randomUUID()}-${basename(there)}`)
  try {
    const result = await written(conversion, beside, threads, context)
    await rename(beside, there)
    return { ...result, path: there }
  } finally {
    await rm(beside, { force: true })
  }
}

async function written(
  conversion: Conversion,
  out: string,
  threads: number | undefined,
  { signal, progress }: RequestContext,
): Promise<Converted> {
  const events = conversion.write({ out, threads, signal })
  while (true) {
    const { done, value } = await events.next()
    if (done) return value
    progress(value.stage, value.done, value.total)
  }
}

const isFile = async (path: string): Promise<boolean> =>
  stat(path).then(
    found => found.isFile(),
    () => false,
  )
