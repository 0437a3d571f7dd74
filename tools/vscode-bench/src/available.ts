import { chromiumPath } from './browser.ts'
import { isInstalled } from './install.ts'

/**
 * Why the workbench's tests cannot run here; undefined when they can. Only CI installs the workbench by itself
 * (`node tools/vscode-bench/src/main.ts install`): it is 550 MB.
 */
export function missingParts(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'The bench is for Linux on x64.'
  if (!chromiumPath()) return 'There is no Chromium: apt-get install chromium, or name one in CHROMIUM.'
  if (!isInstalled())
    return 'There is no workbench: node tools/vscode-bench/src/main.ts install (550 MB, half a minute).'
  return undefined
}
