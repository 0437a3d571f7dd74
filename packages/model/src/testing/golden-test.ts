import { existsSync } from 'node:fs'
import { test } from 'vitest'
import { type Golden, readGolden } from './golden.ts'

/**
 * A test against recorded reference numbers. A fixture is looked for in `fixtures/TOPIC` beside the test, then in the
 * collection beside the repository, which only some machines have. Without it a passing test says what was left out.
 * @param testUrl `import.meta.url` of a file in `packages/NAME/test`
 */
export function goldenTest(
  title: string,
  testUrl: string,
  topic: string,
  names: readonly string[],
  body: (...golden: Golden[]) => void | Promise<void>,
): void {
  const paths = names.map(name => find(testUrl, topic, name))
  const missing = names.filter((_, k) => !paths[k])
  if (missing.length === 0) {
    test(title, () => body(...paths.map(path => readGolden(path!))))
    return
  }
  const what = missing.map(name => `${topic}/${name}`).join(', ')
  test(`left out: ${title}; ${what} is not here`, () => console.warn(`${title}: left out, ${what} is not here`))
}

function find(testUrl: string, topic: string, name: string): URL | undefined {
  const places = [`./fixtures/${topic}/`, `../../../../shared/golden/vectors/${topic}/`]
  return places.map(place => new URL(`${place}${name}.safetensors`, testUrl)).find(url => existsSync(url))
}
