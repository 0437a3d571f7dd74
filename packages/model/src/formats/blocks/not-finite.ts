import { FormatError } from '../format-error.ts'

/** Where ggml ends the process, or stores what means nothing: a search among values that are no numbers finds no point. */
export const notFinite = (): FormatError =>
  new FormatError(
    'overflow',
    'expected finite values and importances, whose squares are 32-bit floats too; check the tensor and the importance matrix for NaN and infinity',
  )
