import { cpSync, existsSync, readFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type BuildResult, build, type Plugin } from 'esbuild'
import { app, type Entry, engineEntries, loadedByUrl, placeOf, root } from './entries.ts'

/** Loaded by the name at run time: a native library, and what only some users have. */
const external = ['onnxruntime-node', 'onnxruntime-web', 'node-llama-cpp']

export interface EngineBuild {
  readonly production: boolean
  /** A folder of the name `dist`: the bundles find their root by it. */
  readonly dist?: string
  readonly programs?: readonly Entry[]
}

/**
 * Bundles the engine with the packages. A bundle knows no more where its parts came from; the packages look for their workers beside
 * themselves, so `import.meta.url` of each becomes the place below dist/ where it would stand, and the workers are put there.
 */
export async function buildEngine({
  production,
  dist = join(app, 'dist'),
  programs = engineEntries(),
}: EngineBuild): Promise<BuildResult<{ metafile: true }>> {
  const result = await build({
    entryPoints: [...programs, ...loadedByUrl()],
    outdir: dist,
    bundle: true,
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['@sinter/source'],
    // The UMD build of jsonc-parser asks for its parts in a way that no bundler sees.
    mainFields: ['module', 'main'],
    external,
    banner: { js: `const SINTER_ROOT=import.meta.url.replace(/^(.*\\/dist\\/).*$/,'$1');${requireShim}` },
    plugins: [placedUrls],
    minify: production,
    keepNames: production,
    metafile: true,
    logLevel: 'warning',
  })
  // `.mjs` says it to a Node that finds no package.json above.
  for (const { out } of programs) await rename(join(dist, `${out}.js`), join(dist, `${out}.mjs`))
  copyFilesOfPackages(dist)
  return result
}

/** Some dependencies are CommonJS and ask for built-ins. */
const requireShim =
  "import{createRequire as SINTER_REQUIRE}from'node:module';const require=SINTER_REQUIRE(import.meta.url);"

const placedUrls: Plugin = {
  name: 'placed-urls',
  setup({ onLoad }) {
    onLoad({ filter: /[/\\]packages[/\\][^/\\]+[/\\]src[/\\].*\.ts$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8')
      const place = JSON.stringify(`${placeOf(path)}.js`)
      return { loader: 'ts', contents: text.replaceAll('import.meta.url', `(SINTER_ROOT+${place})`) }
    })
  },
}

/** What the packages read beside themselves: their manifests (for their versions) and scripts. */
function copyFilesOfPackages(dist: string): void {
  for (const name of ['engine', 'eval', 'model'])
    for (const part of ['package.json', 'assets'])
      if (existsSync(join(root, 'packages', name, part)))
        cpSync(join(root, 'packages', name, part), join(dist, 'packages', name, part), { recursive: true })
}
