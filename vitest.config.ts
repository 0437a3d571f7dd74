import { fileURLToPath } from 'node:url'
import { defineConfig, type ViteUserConfig } from 'vitest/config'

const WORKBENCH = 'tools/vscode-bench/test/workbench.test.ts'

const config: ViteUserConfig = defineConfig({
  resolve: { conditions: ['@sinter/source', 'node', 'import', 'module', 'default'] },
  ssr: { resolve: { conditions: ['@sinter/source', 'node', 'import', 'module', 'default'] } },
  test: {
    // Worker threads of our own load TypeScript sources: they need the same export condition.
    execArgv: ['--conditions=@sinter/source'],
    // The command line starts some hundred times.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) },
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['{packages,apps,tools,examples}/*/**/*.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**', WORKBENCH],
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        // A browser, its server, an extension host and an engine share the cores, and what they do has to come within the patience of a
        // person: they come last and alone. A window that was slower than that once is opened again.
        test: { name: 'workbench', include: [WORKBENCH], maxWorkers: 1, retry: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
})

export default config
