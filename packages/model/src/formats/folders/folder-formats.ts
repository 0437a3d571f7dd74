import type { Config } from '../config-fields.ts'
import { FormatError } from '../format-error.ts'
import { awqFolder } from './awq.ts'
import { bitsandbytesFolder } from './bitsandbytes.ts'
import { compressedTensorsFolder } from './compressed-tensors.ts'
import type { FolderFormat } from './folder-format.ts'
import { gptqFolder } from './gptq.ts'
import { hqqFolder } from './hqq.ts'
import { int8RowsFolder } from './int8-rows.ts'

/** One line a format. */
export const folderFormats: readonly FolderFormat[] = [
  compressedTensorsFolder('pack-quantized'),
  compressedTensorsFolder('int-quantized'),
  gptqFolder(1),
  gptqFolder(2),
  awqFolder,
  bitsandbytesFolder,
  int8RowsFolder,
  hqqFolder,
]

/** The row with a name. @throws FormatError `unsupported` */
export function folderFormatNamed(name: string): FolderFormat {
  const format = folderFormats.find(candidate => candidate.name === name)
  if (format) return format
  const known = folderFormats.map(candidate => candidate.name).join(', ')
  throw new FormatError('unsupported', `unknown folder format ${JSON.stringify(name)}; known: ${known}`)
}

/** The row that reads a folder with this `quantization_config`. @throws FormatError `unsupported` */
export function folderFormatOf(config: Config): FolderFormat {
  const format = folderFormats.find(candidate => candidate.matches(config))
  if (format) return format
  throw new FormatError(
    'unsupported',
    `config.json: quantization_config.quant_method ${JSON.stringify(config.quant_method)} is not read; ` +
      'compressed-tensors, gptq, awq, bitsandbytes and hqq are',
  )
}
