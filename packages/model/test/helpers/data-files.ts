import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll } from 'vitest'
import {
  type Document,
  type Documents,
  loadTokenizer,
  openDocuments,
  type ReadOptions,
  runsOf,
  type Tokenizer,
} from '../../src/index.ts'

export const folder: string = mkdtempSync(join(tmpdir(), 'sinter-data-test-'))
afterAll(() => rmSync(folder, { recursive: true }))

let made = 0
/** A file with this content; its name may have folders. */
export function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, String(made++), name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  return path
}
export const jsonl = (...records: readonly unknown[]): string =>
  records.map(record => `${JSON.stringify(record)}\n`).join('')

export const chatMl = `{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`

export function fixture(name: string, config: Record<string, unknown> = {}): Tokenizer {
  const path = new URL(`../fixtures/tokenizers/${name}/tokenizer.json`, import.meta.url)
  return loadTokenizer({ tokenizerJson: readFileSync(path, 'utf8'), tokenizerConfig: config })
}

// 700 <|endoftext|>, 701 <|im_start|>, 702 <|im_end|>; no begin token.
export const qwen: Tokenizer = fixture('byte-bpe-qwen2', { eos_token: '<|endoftext|>', chat_template: chatMl })
// <s> before every text; a space before the first word.
export const llama: Tokenizer = fixture('bpe-byte-fallback-llama2', { bos_token: '<s>', eos_token: '</s>' })

export const open = (path: string, options: Partial<ReadOptions> = {}): Promise<Documents> =>
  openDocuments(path, { tokenizer: qwen, ...options })

export async function all(path: string, options?: Partial<ReadOptions>): Promise<Document[]> {
  const documents = await open(path, options)
  return Promise.all(Array.from({ length: documents.count }, (_, i) => documents.read(i)))
}

/** The documents' text, end tokens included. */
export const texts = async (path: string, options?: Partial<ReadOptions>): Promise<string[]> =>
  (await all(path, options)).map(({ ids }) => (options?.tokenizer ?? qwen).decode(ids))

/** What is learnt is written in ⟦ ⟧. */
export const marked = async (path: string, options?: Partial<ReadOptions>): Promise<string[]> =>
  (await all(path, options)).map(document =>
    runsOf(document, options?.tokenizer ?? qwen)
      .map(({ text, learnt }) => (learnt ? `⟦${text}⟧` : text))
      .join(''),
  )

export const EOS = '<|endoftext|>'
