/** What a form can draw of a JSON Schema. Nothing here knows a recipe: all names come from the schema. */
export type Field =
  | {
      readonly kind: 'number'
      readonly whole: boolean
      readonly least?: number | undefined
      readonly most?: number | undefined
    }
  | { readonly kind: 'choice'; readonly values: readonly Scalar[] }
  | { readonly kind: 'text'; readonly pattern?: string | undefined }
  | { readonly kind: 'texts' }
  | { readonly kind: 'constant'; readonly value: Scalar }
  | { readonly kind: 'group'; readonly fields: readonly NamedField[] }
  /** A list of objects, each of one of several kinds, told apart by the value of one key. */
  | { readonly kind: 'variants'; readonly key: string; readonly variants: readonly Variant[] }
  /** A shape that no control is known for. */
  | { readonly kind: 'other' }

export type Scalar = string | number | boolean

export interface NamedField {
  readonly name: string
  readonly field: Field
  readonly description: string
  /** What holds where nothing is written. */
  readonly standard?: Scalar | undefined
  readonly required: boolean
}

export interface Variant {
  readonly value: string
  readonly description: string
  /** Without the one that tells them apart. */
  readonly fields: readonly NamedField[]
}

/** Deeper than any page can show; a schema that refers to itself ends here. */
const MAX_DEPTH = 5

/** The fields of an object's schema, in its order. Keys that begin with $ are for programs. */
export function fieldsOf(schema: unknown, depth = 0): NamedField[] {
  const required = listOf(own(schema, 'required'))
  return Object.entries(objectOf(own(schema, 'properties')) ?? {})
    .filter(([name]) => !name.startsWith('$'))
    .map(([name, property]) => ({
      name,
      field: fieldOf(property, depth + 1),
      description: textOf(own(property, 'description')),
      standard: scalarOf(own(property, 'default')),
      required: required.includes(name),
    }))
}

function fieldOf(schema: unknown, depth: number): Field {
  const constant = scalarOf(own(schema, 'const'))
  if (constant !== undefined) return { kind: 'constant', value: constant }
  const values = listOf(own(schema, 'enum')).map(scalarOf)
  if (values.length > 0 && values.every(value => value !== undefined)) return { kind: 'choice', values }
  const type = own(schema, 'type')
  if (type === 'boolean') return { kind: 'choice', values: [true, false] }
  if (type === 'integer' || type === 'number')
    return {
      kind: 'number',
      whole: type === 'integer',
      least: numberOf(own(schema, 'minimum')),
      most: numberOf(own(schema, 'maximum')),
    }
  if (type === 'string') return { kind: 'text', pattern: textOf(own(schema, 'pattern')) || undefined }
  if (type === 'array') return listField(own(schema, 'items'), depth)
  if (type === 'object' && objectOf(own(schema, 'properties')) && depth < MAX_DEPTH)
    return { kind: 'group', fields: fieldsOf(schema, depth) }
  return { kind: 'other' }
}

function listField(items: unknown, depth: number): Field {
  if (own(items, 'type') === 'string') return { kind: 'texts' }
  const kinds = listOf(own(items, 'oneOf')).map(kind => ({ kind, fields: fieldsOf(kind, depth) }))
  const key = kinds[0]?.fields.find(({ field }) => field.kind === 'constant')?.name
  if (key === undefined || depth >= MAX_DEPTH) return { kind: 'other' }
  const variants = kinds.flatMap(({ kind, fields }): Variant[] => {
    const told = fields.find(({ name }) => name === key)?.field
    if (told?.kind !== 'constant' || typeof told.value !== 'string') return []
    const rest = fields.filter(({ name }) => name !== key)
    return [{ value: told.value, description: textOf(own(kind, 'description')), fields: rest }]
  })
  return variants.length === kinds.length ? { kind: 'variants', key, variants } : { kind: 'other' }
}

/** Whether a control can show a value; what it cannot is shown as JSON. */
export function canShow(field: Field, value: unknown): boolean {
  if (value === undefined) return true
  if (field.kind === 'number') return typeof value === 'number'
  if (field.kind === 'choice') return field.values.includes(value as Scalar)
  if (field.kind === 'text') return typeof value === 'string' && !value.includes('\n')
  if (field.kind === 'texts') return Array.isArray(value) && value.every(entry => typeof entry === 'string')
  if (field.kind === 'group') return objectOf(value) !== undefined
  if (field.kind === 'variants') return Array.isArray(value)
  return field.kind === 'constant' && value === field.value
}

/** A value of an object, unless it is inherited. */
export const own = (value: unknown, key: string): unknown =>
  objectOf(value) && Object.hasOwn(value as object, key) ? (value as Record<string, unknown>)[key] : undefined

export const objectOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
const numberOf = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)
const scalarOf = (value: unknown): Scalar | undefined =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : undefined
