// Installs the workbench, or opens one to try the packed extension in by hand. `node src/main.ts install | open FOLDER`
import { resolve } from 'node:path'
import { startHost } from './host.ts'
import { install } from './install.ts'
import { packExtension } from './pack.ts'

const [command, folder = '.'] = process.argv.slice(2)
if (command === 'install') console.log(install().entry)
else if (command === 'open') {
  const host = await startHost({ vsix: [packExtension()] })
  console.log(host.url(resolve(folder)))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void host.stop())
} else {
  console.error('expected install, or open FOLDER')
  process.exitCode = 2
}
