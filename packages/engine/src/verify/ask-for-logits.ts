import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askChild, type ChildClient } from '@sinter/model'
import type { Answer } from './client.ts'

/**
 * Asks a client in a process of its own. It gets the name of a JSON file with the question, writes logits f32
 * `[tokens, vocabulary]` where `logitsTo` says, and prints one line with the rest of its answer.
 * @throws SinterError as `askChild` does
 */
export async function askForLogits(
  client: ChildClient,
  command: string,
  args: readonly string[],
  question: Readonly<Record<string, unknown>>,
): Promise<Answer> {
  const folder = await mkdtemp(join(tmpdir(), 'sinter-verify-'))
  try {
    const [file, logitsTo] = [join(folder, 'question.json'), join(folder, 'logits')]
    await writeFile(file, JSON.stringify({ ...question, logitsTo }))
    const [answer] = await askChild(client, command, [...args, file])
    const logits = new Float32Array(Uint8Array.from(await readFile(logitsTo)).buffer)
    return { ...(answer as Omit<Answer, 'logits'>), logits }
  } finally {
    await rm(folder, { recursive: true })
  }
}
