import { FormatError } from '../format-error.ts'

/** Where ggml gives up and ends the process: a search among values that are no numbers finds nothing. */
export const notFinite = (): FormatError =>
  new FormatError(
    'overflow',
    'expected finite values and importances, whose squares are 32-bit floats too; check the tensor and the importance matrix for NaN and infinity',
  )
