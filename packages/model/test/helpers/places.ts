import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'vitest'
import { canRunLlamaCpp } from '../../src/testing/can-run-llama-cpp.ts'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** A folder of recorded results: a copy in `fixtures`, else in the collection beside the repository. */
export function goldenFolder(topic: string, name: string): string | undefined {
  const places = [here(`../fixtures/${topic}/${name}`), here(`../../../../../shared/golden/${topic}/${name}`)]
  return places.find(existsSync)
}

/** The demo model of this repository, or the same one in the collection beside it. */
export function demoModel(): string | undefined {
  const places = [here('../../../../../shared/models/demo'), here('../../../../apps/cli/assets/demo-model')]
  return places.find(path => existsSync(`${path}/config.json`))
}

/** A test that needs a folder; without it a passing test says what was left out. */
export function testWith(
  title: string,
  folder: string | undefined,
  what: string,
  body: (folder: string) => Promise<void>,
): void {
  if (folder !== undefined) test(title, () => body(folder))
  else test(`left out: ${title}; ${what} is not here`, () => console.warn(`${title}: left out, ${what} is not here`))
}

/** The folder, on a machine that can run llama.cpp. */
export const forLlamaCpp = (folder: string | undefined): string | undefined => (canRunLlamaCpp ? folder : undefined)
