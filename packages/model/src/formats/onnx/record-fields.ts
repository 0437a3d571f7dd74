import { FormatError } from '../format-error.ts'
import { isObject } from '../json-strict.ts'
import type { FormRecord } from './weight-form.ts'

const bad = (field: string, expected: string, got: unknown): FormatError =>
  new FormatError(
    'schema',
    `weight form: expected "${field}" to be ${expected}, got ${JSON.stringify(got)?.slice(0, 80)}`,
  )

export function text(record: FormRecord, field: string): string {
  const value = record[field]
  if (typeof value !== 'string') throw bad(field, 'a text', value)
  return value
}

export const optionalText = (record: FormRecord, field: string): string | undefined =>
  record[field] === undefined ? undefined : text(record, field)

export function whole(record: FormRecord, field: string, min: number, max: number): number {
  const value = record[field]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw bad(field, `a whole number from ${min} to ${max}`, value)
  return value
}

export function form(value: unknown, field: string): FormRecord {
  if (!isObject(value) || typeof value.kind !== 'string') throw bad(field, 'a weight form', value)
  return value as FormRecord
}
