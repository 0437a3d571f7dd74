import { SinterError } from '@sinter/model'
import { folders } from '../formats/folders.ts'
import type { Format } from '../formats/format.ts'
import { gguf } from '../formats/gguf.ts'
import { hf } from '../formats/hf.ts'
import { onnx, onnxGenai } from '../formats/onnx.ts'
import { sparse } from '../formats/sparse.ts'
import type { OutputPlan } from '../plan/plan.ts'
import { unknownName } from './methods.ts'

/** One line a container. */
export const formats: readonly Format[] = [hf, gguf, sparse, onnx, onnxGenai, ...folders]

/** The row of a container. @throws SinterError `unknown-name` */
export function formatNamed(name: string): Format {
  const format = formats.find(candidate => candidate.name === name)
  if (format) return format
  throw unknownName('format', name, formats.flatMap(namesOf))
}

const namesOf = ({ name, types }: Format): string[] => types.map(type => `${name}:${type}`)

/**
 * `hf`, `hf:f16`, `gguf:Q4_0` …
 * @throws SinterError `unknown-name` for a container or type that cannot be written
 */
export function parseFormat(text: string): OutputPlan {
  const [name = '', type, ...rest] = text.split(':')
  const format = formats.find(candidate => candidate.name === name)
  if (!format || rest.length > 0) throw unknownName('format', text, formats.flatMap(namesOf))
  if (type === undefined) return { container: format.name, encoding: format.types[0]! }
  const found = format.types.find(candidate => candidate.toLowerCase() === type.toLowerCase())
  if (found) return { container: format.name, encoding: found }
  const why = format.whyNot?.(type)
  if (why) throw new SinterError('unknown-name', `${why}; as ${format.name}: ${format.types.join(', ')}`)
  throw unknownName(`type of ${format.name}`, type, format.types)
}
