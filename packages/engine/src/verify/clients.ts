import { SinterError } from '@sinter/model'
import type { Client } from './client.ts'
import { llamaCpp } from './llama-cpp.ts'
import { onnxRuntime } from './onnx-runtime.ts'
import { transformers } from './transformers.ts'

/** One line a client; the first that opens a result is asked. */
export const clients: readonly Client[] = [llamaCpp, onnxRuntime, transformers]

/** @throws SinterError `option` when nobody opens such a thing */
export async function clientFor(path: string): Promise<Client> {
  for (const client of clients) if (await client.opens(path)) return client
  throw new SinterError(
    'option',
    `${path}: expected a .gguf file, an ONNX folder or .onnx file, or a Hugging Face folder; no other client is known`,
  )
}
