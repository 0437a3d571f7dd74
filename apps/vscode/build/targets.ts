import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageFolder, type Target } from './natives.ts'

/** Platforms as the marketplace names them. */
const machines: Readonly<Record<string, Target>> = {
  'linux-x64': { platform: 'linux', arch: 'x64' },
  'linux-arm64': { platform: 'linux', arch: 'arm64' },
  'win32-x64': { platform: 'win32', arch: 'x64' },
  'win32-arm64': { platform: 'win32', arch: 'arm64' },
  'darwin-x64': { platform: 'darwin', arch: 'x64' },
  'darwin-arm64': { platform: 'darwin', arch: 'arm64' },
}

export const WEB = 'web'

/** Where ONNX Runtime's package has the library of a machine. */
const libraryOf = ({ platform, arch }: Target): string =>
  join(packageFolder('onnxruntime-node'), 'bin/napi-v6', platform, arch, 'onnxruntime_binding.node')

/** What can be packed: the web, and every machine that ONNX Runtime has a library for. */
export const targets = (): string[] => [
  ...Object.keys(machines).filter(name => existsSync(libraryOf(machines[name]!))),
  WEB,
]

/** @throws Error for a name that is no target, or one without a library */
export function machineOf(target: string): Target {
  const machine = machines[target]
  if (!machine) throw new Error(`${target}: no such target; known: ${targets().join(', ')}`)
  if (!existsSync(libraryOf(machine)))
    throw new Error(`${target}: onnxruntime-node has no library for it; those with one: ${targets().join(', ')}`)
  return machine
}
