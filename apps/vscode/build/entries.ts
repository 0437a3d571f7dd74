import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const app: string = fileURLToPath(new URL('..', import.meta.url))
export const root: string = join(app, '../..')

/** What esbuild takes: the file, and the name of what it becomes, without its ending. */
export interface Entry {
  readonly in: string
  readonly out: string
}

/** Programs of the engine: `src/engine/NAME-main.ts` becomes `dist/NAME.mjs`. */
export function engineEntries(): Entry[] {
  return readdirSync(join(app, 'src/engine'))
    .filter(name => name.endsWith('-main.ts'))
    .map(name => ({ in: join(app, 'src/engine', name), out: name.replace('-main.ts', '') }))
}

/** Browser code: `src/webviews/VIEW/main.ts` becomes `dist/webviews/VIEW.js`. */
export function webviewEntries(): Entry[] {
  return readdirSync(join(app, 'src/webviews'), { withFileTypes: true })
    .filter(entry => entry.isDirectory() && existsSync(join(app, 'src/webviews', entry.name, 'main.ts')))
    .map(({ name }) => ({ in: join(app, 'src/webviews', name, 'main.ts'), out: name }))
}

const packages = ['tensor-core', 'model', 'quantization', 'pruning', 'lowrank', 'distillation', 'eval', 'engine']

/**
 * Files that the packages start as a worker or a process, or load by their URL: no import leads to them, and they must lie where
 * the file that names them looks. Found by the two idioms in which the packages name them.
 */
export function loadedByUrl(): Entry[] {
  return packages.flatMap(name => {
    const source = join(root, 'packages', name, 'src')
    const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
    return [...new Set(files.flatMap(file => namedIn(join(source, file))))].map(file => ({
      in: file,
      out: placeOf(file),
    }))
  })
}

function namedIn(file: string): string[] {
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '')
  const found = text.matchAll(
    /kernelRef\(\s*import\.meta\.url,\s*'(\.[^']+)'|import\.meta\.url\.endsWith\('\.ts'\) \? '(\.[^']+)\.ts'/g,
  )
  return [...found].map(([, kernel, program]) => join(file, '..', `${kernel ?? program}.ts`))
}

/** Where a source of the packages stands below dist/, without its ending: `packages/tensor-core/src/kernels/product`. */
export const placeOf = (file: string): string => relative(root, file).replaceAll('\\', '/').replace(/\.ts$/, '')
