import { cpSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export interface Target {
  readonly platform: string
  readonly arch: string
}

const here = createRequire(import.meta.url)

/**
 * ONNX Runtime with the library of one platform: all of them are 290 MB, one is 45.
 * @param into a `node_modules` folder that the engine's programs find; packing drops only the one at the top
 */
export function copyNatives(into: string, { platform, arch }: Target): void {
  const node = packageFolder('onnxruntime-node')
  const common = packageFolder('onnxruntime-common')
  const others = (path: string): boolean => {
    const [, os, cpu] = /napi-v\d+[/\\]([^/\\]+)(?:[/\\]([^/\\]+))?/.exec(path) ?? []
    return (os === undefined || os === platform) && (cpu === undefined || cpu === arch)
  }
  for (const part of ['package.json', 'dist', 'bin'])
    cpSync(join(node, part), join(into, 'onnxruntime-node', part), {
      recursive: true,
      filter: others,
      dereference: true,
    })
  // Of the common part, what `import` and `require` reach; the types, sources and the browser's builds are left behind.
  const kept = (path: string): boolean => !/\.(d\.ts|map)$|\.min\.js/.test(path)
  for (const part of ['package.json', 'dist/cjs', 'dist/esm'])
    cpSync(join(common, part), join(into, 'onnxruntime-common', part), {
      recursive: true,
      filter: kept,
      dereference: true,
    })
}

/** The folder of a dependency, whatever its manifest exports. */
export function packageFolder(name: string): string {
  let folder = dirname(here.resolve(name))
  while (true) {
    const found = manifestName(join(folder, 'package.json'))
    if (found === name) return folder
    if (dirname(folder) === folder)
      throw new Error(`${name}: no package.json above ${here.resolve(name)}; install the workspace`)
    folder = dirname(folder)
  }
}

function manifestName(path: string): string | undefined {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { name?: string }).name
  } catch {
    return undefined
  }
}
