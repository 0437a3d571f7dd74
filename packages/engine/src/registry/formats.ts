import { encodingNamed, encodings, SinterError } from '@sinter/model'
import type { OutputPlan } from '../plan/plan.ts'
import { unknownName } from './methods.ts'

/** A container that a result can be written into. */
export interface Format {
  readonly name: OutputPlan['container']
  readonly title: string
  /** What may stand after the colon, the first by default: types of the compressed matrices, or of dense tensors. */
  readonly types: readonly string[]
}

/** One line a container. */
export const formats: readonly Format[] = [
  { name: 'hf', title: 'Hugging Face folder, dense', types: ['keep', 'f32', 'f16', 'bf16'] },
  { name: 'gguf', title: 'GGUF file for llama.cpp', types: ['F16', ...writable()] },
]

function writable(): string[] {
  return encodings.filter(({ name, encode }) => encode && name !== 'F16').map(encoding => encoding.name)
}

/**
 * `hf`, `hf:f16`, `gguf:Q4_0` …
 * @throws SinterError `unknown-name` for a container or type that cannot be written
 */
export function parseFormat(text: string): OutputPlan {
  const [name = '', type, ...rest] = text.split(':')
  const format = formats.find(candidate => candidate.name === name)
  if (!format || rest.length > 0)
    throw unknownName(
      'format',
      text,
      formats.flatMap(f => f.types.map(t => `${f.name}:${t}`)),
    )
  if (type === undefined) return { container: format.name, encoding: format.types[0]! }
  const found = format.types.find(candidate => candidate.toLowerCase() === type.toLowerCase())
  if (found) return { container: format.name, encoding: found }
  const readable = encodings.some(encoding => encoding.name === type.toUpperCase())
  if (format.name === 'gguf' && readable)
    throw new SinterError(
      'unknown-name',
      `${encodingNamed(type).name} can be read but not written; as GGUF: ${format.types.join(', ')}`,
    )
  throw unknownName(`type of ${format.name}`, type, format.types)
}
