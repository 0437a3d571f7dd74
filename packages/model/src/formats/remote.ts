import { openFile } from '../io/file.ts'
import { besideUrl, fetchSmall, isUrl, openUrl } from '../io/http.ts'
import { FormatError } from './format-error.ts'
import { openGguf } from './gguf.ts'
import { openGgufModel } from './gguf-model.ts'
import { type Checkpoint, ggufCheckpoint } from './hf-directory.ts'
import { isObject, parseJsonStrict } from './json-strict.ts'
import { openSafetensors } from './safetensors.ts'
import { openSafetensorsIndex } from './safetensors-shards.ts'
import type { TensorSource } from './source.ts'

/** Configurations have a few kilobytes. */
const MAX_CONFIG_BYTES = 2 ** 20

/**
 * Opens a model file behind an http(s) address, to be looked at: headers are read, by range requests, and the config.json beside a
 * .safetensors. Its tokenizer is read only where it is part of the header (GGUF).
 * @throws FormatError as `openUrl` and the readers of headers do; `missing` when there is no config.json
 */
export async function openRemoteCheckpoint(url: string): Promise<Checkpoint> {
  if (kindOf(url) === 'gguf') return ggufCheckpoint(url, await openGgufModel(url, openUrl))
  const configUrl = besideUrl(url, 'config.json')
  const bytes = await fetchSmall(configUrl, MAX_CONFIG_BYTES)
  if (!bytes) throw new FormatError('missing', `${configUrl}: there is no such file (404)`)
  const config = parseJsonStrict(bytes, configUrl)
  if (!isObject(config)) throw new FormatError('schema', `${configUrl}: expected a JSON object`)
  const source = await openTensors(url)
  return {
    path: url,
    folder: new URL('.', url).href,
    config,
    source,
    hasTokenizer: false,
    files: [],
    close: () => source.close(),
  }
}

/**
 * The tensors of a file, on the disk or behind an address, under the names it has for them: for files whose model is not known.
 * @throws FormatError as the readers of headers do, `unsupported` for other kinds of files
 */
export async function openTensors(path: string): Promise<TensorSource> {
  const open = isUrl(path) ? openUrl : openFile
  switch (kindOf(path)) {
    case 'gguf':
      return openGguf(path, open)
    case 'safetensors':
      return openSafetensors(path, open)
    case 'index':
      return openSafetensorsIndex(path, open)
  }
}

function kindOf(path: string): 'gguf' | 'safetensors' | 'index' {
  const name = isUrl(path) ? new URL(path).pathname : path
  if (name.endsWith('.gguf')) return 'gguf'
  if (name.endsWith('.safetensors')) return 'safetensors'
  if (name.endsWith('.safetensors.index.json')) return 'index'
  throw new FormatError('unsupported', `${path}: expected a .gguf, a .safetensors or its .safetensors.index.json`)
}
