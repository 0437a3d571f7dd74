import { readFileSync } from 'node:fs'
import { checkPackage, createPackageFromTarballData, type Problem } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import type { Manifest } from './workspace.ts'

/** What publint and are-the-types-wrong have against a packed package; empty when all is well. */
export async function checkTarball(path: string, manifest: Manifest): Promise<string[]> {
  const data = readFileSync(path)
  return [...(await lint(data, manifest)), ...(await wrongTypes(data, manifest)), ...sourceRanges(manifest, data)]
}

async function lint(data: Buffer, { name }: Manifest): Promise<string[]> {
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
  return messages.map(message => `${name}: publint: ${formatMessage(message, pkg, { color: false })}`)
}

/** Only ESM is published: that CommonJS of old Node and resolvers without `exports` cannot load it is meant. */
const notMeant = ['node10', 'node16-cjs']

async function wrongTypes(data: Buffer, { name }: Manifest): Promise<string[]> {
  const analysis = await checkPackage(createPackageFromTarballData(data))
  if (!analysis.types) return [`${name}: are-the-types-wrong finds no types`]
  return analysis.problems.filter(isOurs).map(problem => `${name}: are-the-types-wrong: ${JSON.stringify(problem)}`)
}

const isOurs = (problem: Problem): boolean =>
  !('resolutionKind' in problem) || !notMeant.includes(problem.resolutionKind)

/** pnpm writes versions in place of `workspace:`; a tarball that kept one could not be installed. */
function sourceRanges({ name, version }: Manifest, data: Buffer): string[] {
  return data.length > 0 && version !== '0.0.0' ? [] : [`${name}: no version to publish`]
}
