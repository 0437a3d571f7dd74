import type { DemoFlags } from '../commands/demo.ts'
export async function runDemo(_flags: DemoFlags): Promise<void> {}
