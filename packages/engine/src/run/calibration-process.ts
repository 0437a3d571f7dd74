import { FormatError, SinterError } from '@sinter/model'
import { type CalibrationReply, type CalibrationRequest, readCalibration } from './calibration.ts'

process.once('message', async (request: CalibrationRequest) => {
  const reply = await readCalibration(request).then(
    (ids): CalibrationReply => ({ ids }),
    (error: unknown): CalibrationReply => {
      if (error instanceof SinterError && (error.code === 'calibration' || error.code === 'tokenizer'))
        return { code: error.code, message: error.message }
      if (error instanceof FormatError) return { code: 'tokenizer', message: error.message }
      throw error
    },
  )
  process.send!(reply)
})
