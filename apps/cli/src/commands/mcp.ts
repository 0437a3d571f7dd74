import { Command } from 'commander'
import { version } from '../version.ts'

export function mcpCommand(): Command {
  return new Command('mcp')
    .description('Serves these tools to assistants: a Model Context Protocol server on standard input and output')
    .argument('[folders...]', 'where models may be read and results written; default: the current folder')
    .addHelpText(
      'after',
      `
Examples:
  sinter mcp
  sinter mcp ./models ./results

In the configuration of a client:
  {"mcpServers": {"sinter": {"command": "npx", "args": ["-y", "sinter", "mcp", "/path/to/models"]}}}

Nothing is compressed before a person agreed: the client asks, or the assistant has to.`,
    )
    .action(mcpAction)
}

async function mcpAction(folders: readonly string[]): Promise<void> {
  const { serve } = await import('@sinter/mcp')
  await serve({ roots: folders.length > 0 ? folders : [process.cwd()], version })
}
