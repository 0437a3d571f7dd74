import type { CalibrationPlan } from '../plan/plan.ts'
import { readCalibration } from './calibration.ts'

/** As its namesake, in this thread: a browser starts no processes. */
export const calibrationIds = (model: string, plan: CalibrationPlan): Promise<Int32Array> =>
  readCalibration({ model, plan })
