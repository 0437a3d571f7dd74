import { fileURLToPath } from 'node:url'

/** The embedded model. */
export const demoModel: string = fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url))
