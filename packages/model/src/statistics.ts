import type { MethodContext, Statistic, Statistics } from './method.ts'

/** A statistic that a method cannot do without. @throws TypeError when the run did not collect it */
export function requireStatistic<K extends Statistic>(
  statistics: Statistics,
  name: K,
  { name: where }: Pick<MethodContext, 'name'>,
): NonNullable<Statistics[K]> {
  const value = statistics[name]
  if (value === undefined)
    throw new TypeError(`${where}: expected the statistic "${name}" of the input, got none; run with calibration text`)
  return value
}
