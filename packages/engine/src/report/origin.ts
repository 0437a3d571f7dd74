import { readFile } from 'node:fs/promises'
import { arch, cpus, platform, totalmem } from 'node:os'

// What a report says of where it comes from.

export async function tool(): Promise<{ name: string; version: string }> {
  // Two folders up both in src and in dist.
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  return { name: 'sinter', version: String((manifest as { version?: unknown }).version) }
}

export const machine = (threads: number): Record<string, string | number> => ({
  processor: cpus()[0]?.model.trim() ?? 'unknown',
  threads,
  memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
  system: `${platform()} ${arch()}`,
  node: process.version,
})
