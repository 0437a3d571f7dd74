import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type BuildOptions, type BuildResult, build, type Plugin } from 'esbuild'
import { app, loadedByUrl, placeOf, root } from './entries.ts'

export interface WebBuild {
  readonly production: boolean
  /** Where `extension.web.cjs` and `web/` go. */
  readonly dist?: string
}

type Built = BuildResult<{ metafile: true }>

/** Where the packages believe to stand. */
const ROOT = 'file:///sinter/'

const common = ({ production }: WebBuild): BuildOptions & { readonly metafile: true } => ({
  bundle: true,
  platform: 'browser',
  target: 'chrome128',
  conditions: ['@sinter/source'],
  mainFields: ['module', 'main'],
  minify: production,
  keepNames: production,
  metafile: true,
  logLevel: 'warning',
  define: { 'import.meta.url': JSON.stringify(ROOT) },
})

/** The engine as one classic script: workers of web extensions are started from a blob, beside which nothing lies. */
export async function buildWebEngine(options: WebBuild): Promise<Built> {
  const { dist = join(app, 'dist') } = options
  mkdirSync(join(dist, 'web'), { recursive: true })
  const result = await build({
    ...common(options),
    entryPoints: [join(app, 'src/web/worker-main.ts')],
    outfile: join(dist, 'web/engine.js'),
    format: 'iife',
    inject: [join(app, 'src/web/node/globals.ts')],
    plugins: [wasmOnly, kernelsInside, packageFiles, webNamesakes, nodeModules, placedUrls],
  })
  await copyFile(join(ortFolder(), 'ort-wasm-simd-threaded.wasm'), join(dist, 'web/ort.wasm'))
  return result
}

/** The extension for hosts in a browser: CommonJS, which these load. */
export const buildWebExtension = (options: WebBuild): Promise<Built> =>
  build({
    ...common(options),
    entryPoints: [join(app, 'src/extension.web.ts')],
    outfile: join(options.dist ?? join(app, 'dist'), 'extension.web.cjs'),
    format: 'cjs',
    external: ['vscode'],
    inject: [join(app, 'src/web/node/globals.ts')],
    plugins: [webNamesakes, nodeModules],
  })

/** The folder of ONNX Runtime Web's own files. */
const ortFolder = (): string => join(createRequire(import.meta.url).resolve('onnxruntime-web'), '..')

/** The build without WebGPU has all that is used, in one script. */
const wasmOnly: Plugin = {
  name: 'wasm-only',
  setup({ onResolve }) {
    onResolve({ filter: /^onnxruntime-web$/ }, () => ({ path: join(ortFolder(), 'ort.wasm.bundle.min.mjs') }))
  },
}

/** `NAME.web.ts` beside `NAME.ts` takes its place. */
const webNamesakes: Plugin = {
  name: 'web-namesakes',
  setup({ onResolve }) {
    onResolve({ filter: /^\..*\.ts$/ }, ({ path, resolveDir }) => {
      const namesake = join(resolveDir, path.replace(/\.ts$/, '.web.ts'))
      return existsSync(namesake) ? { path: namesake } : undefined
    })
  },
}

/** `node:NAME` is `src/web/node/NAME.ts`; processes and threads are absent. */
const nodeModules: Plugin = {
  name: 'node-modules',
  setup({ onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path }) => {
      const file = join(app, 'src/web/node', `${path.slice('node:'.length).replace('/', '-')}.ts`)
      return { path: existsSync(file) ? file : join(app, 'src/web/node/absent.ts') }
    })
  },
}

/** Kernels are named by their module's address; what lies behind these is put into the bundle. */
const kernelsInside: Plugin = {
  name: 'kernels-inside',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/load-kernel\.ts$/ }, () => ({ path: 'kernels', namespace: 'sinter' }))
    onLoad({ filter: /^kernels$/, namespace: 'sinter' }, () => ({ contents: kernelTable(), resolveDir: root }))
  },
}

function kernelTable(): string {
  const kernels = loadedByUrl().filter(({ in: file }) => !/-(worker|process|child)\.ts$/.test(file))
  const rows = kernels.map(
    ({ in: file }) => `${JSON.stringify(`${ROOT}${placeOf(file)}.js`)}: () => import(${JSON.stringify(file)}),`,
  )
  return `const modules = {\n${rows.join('\n')}\n}
export async function loadKernel({ module, name }) {
  // Between two of them messages come in: a question, or the wish to stop.
  await new Promise(resolve => setTimeout(resolve))
  const kernel = (await modules[module]?.())?.[name]
  if (typeof kernel !== 'function') throw new TypeError('kernel: ' + module + ' exports no function ' + name)
  return kernel
}\n`
}

/** What the packages read beside themselves. */
const packageFiles: Plugin = {
  name: 'package-files',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^sinter:package-files$/ }, () => ({ path: 'package-files', namespace: 'sinter' }))
    onLoad({ filter: /^package-files$/, namespace: 'sinter' }, () => ({
      loader: 'json',
      contents: JSON.stringify(Object.fromEntries(['engine', 'eval', 'model'].map(manifestOf))),
    }))
  },
}

function manifestOf(name: string): [path: string, text: string] {
  const path = `packages/${name}/package.json`
  const { version } = JSON.parse(readFileSync(join(root, path), 'utf8')) as { version: string }
  return [`/sinter/${path}`, JSON.stringify({ version })]
}

const placedUrls: Plugin = {
  name: 'placed-urls',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]packages[/\\][^/\\]+[/\\]src[/\\].*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      return {
        loader: 'ts',
        contents: text.replaceAll('import.meta.url', JSON.stringify(`${ROOT}${placeOf(path)}.js`)),
      }
    })
  },
}
