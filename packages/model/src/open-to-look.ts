import { FormatError } from './formats/format-error.ts'
import { openRemoteCheckpoint, openTensors } from './formats/remote.ts'
import type { TensorSource } from './formats/source.ts'
import { isUrl } from './io/http.ts'
import type { Model } from './model.ts'
import { modelOf, openModel } from './open-model.ts'

/** What is looked at: a model, or the tensors alone of a file whose model is not known. */
export interface Opened {
  readonly source: TensorSource
  readonly model?: Model
  /** Why there is no model. */
  readonly problem?: string
}

/**
 * Opens a model to look at it, on the disk or behind an http(s) address; weights are not read. A file of a family that does not run
 * here, or without its configuration, still has tensors to tell of. Closing the source closes the model.
 * @throws FormatError as the readers of headers do
 */
export async function openToLook(path: string): Promise<Opened> {
  try {
    const model = isUrl(path) ? await modelOf(await openRemoteCheckpoint(path)) : await openModel(path)
    return { model, source: model.source }
  } catch (error) {
    if (!(error instanceof FormatError) || !['unsupported', 'missing'].includes(error.code)) throw error
    const source = await openTensors(path).catch((second: FormatError) => {
      // What is wrong with the file itself matters more than what is not beside it; a folder is no file.
      throw second.code === 'unsupported' ? error : second
    })
    return { source, problem: error.message }
  }
}
