import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { askChild } from './ask-child.ts'
import type { ClientInput, ClientOutput } from './llama-cpp-child.ts'

const child = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? './llama-cpp-child.ts' : './llama-cpp-child.js', import.meta.url),
)

/** A file, and what is asked of it. */
export type Question = Pick<ClientInput, 'path' | 'ids'> &
  Partial<Pick<ClientInput, 'greedy' | 'texts' | 'atOnce' | 'lora' | 'vocabSize'>>
/** `logits` is f32 [rows, tokens, vocabulary], flat. */
export type Answer = ClientOutput & { readonly logits: Float32Array }

const llamaCpp = {
  name: 'llama.cpp',
  install: () => 'install its package beside Sinter: npm install node-llama-cpp',
}

/**
 * What llama.cpp makes of files, all in one process: starting it takes longer than asking.
 * @throws SinterError `client-missing` when the package node-llama-cpp is not installed, `client-refused` when llama.cpp fails
 *   or aborts
 */
export async function askLlamaCpp(questions: readonly Question[]): Promise<readonly Answer[]> {
  const folder = await mkdtemp(join(tmpdir(), 'llama-cpp-'))
  try {
    const inputs = questions.map((question, i): ClientInput => {
      return { greedy: 0, texts: [], ...question, logitsTo: join(folder, String(i)) }
    })
    await writeFile(join(folder, 'questions'), JSON.stringify(inputs))
    const answers = await askChild(llamaCpp, process.execPath, [child, join(folder, 'questions')])
    return await Promise.all(
      inputs.map(async (input, i) => {
        const bytes = input.ids.length > 0 ? await readFile(input.logitsTo!) : new Uint8Array(0)
        const logits = new Float32Array(Uint8Array.from(bytes).buffer)
        return { ...(answers[i] as ClientOutput), logits }
      }),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
}
