import { defineConfig, type ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = defineConfig({
  resolve: { conditions: ['@sinter/source', 'node', 'import', 'module', 'default'] },
  ssr: { resolve: { conditions: ['@sinter/source', 'node', 'import', 'module', 'default'] } },
  test: {
    include: ['{packages,apps,tools,examples}/*/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Worker threads of our own load TypeScript sources: they need the same export condition.
    execArgv: ['--conditions=@sinter/source'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

export default config
