import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { createConfirm } from './confirm.ts'
import { type Places, placesIn } from './places.ts'
import type { AddTool } from './tool.ts'
import { compare } from './tools/compare.ts'
import { explain } from './tools/explain.ts'
import { inspect } from './tools/inspect.ts'
import { estimate, plan } from './tools/plan.ts'
import { run } from './tools/run.ts'

/** One line a tool. */
const tools: readonly AddTool[] = [inspect, explain, plan, estimate, run, compare]

export interface ServeOptions {
  /** Folders that clients may name files in; relative paths begin in the first. */
  readonly roots: readonly string[]
  readonly version: string
}

/** A server of Sinter's tools over what a transport brings. */
export function createServer(places: Places, version: string): McpServer {
  const server = new McpServer(
    { name: 'sinter', title: 'Sinter', version },
    {
      capabilities: { tools: {} },
      instructions:
        'Makes language models smaller on this machine. Look with inspect, choose with explain, see what would happen with plan or estimate, then run ' +
        'when the user agrees, and compare the result with the original.',
    },
  )
  const confirm = createConfirm(server)
  for (const add of tools) add({ server, places, confirm })
  return server
}

/** Serves on standard input and output until they close. @throws Error for a root that does not exist */
export async function serve({ roots, version }: ServeOptions): Promise<void> {
  const places = await placesIn(roots)
  serveStdio(() => createServer(places, version))
}
