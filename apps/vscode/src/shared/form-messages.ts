import { array, boolean, type Guard, GuardError, number, object, oneOf, text, whole } from './guard.ts'

/** Both sides are built together; the number tells a page that was kept from before an update. */
export const FORM_PROTOCOL = 1

/** Keys and positions from the outermost to the innermost. */
export type Path = readonly (string | number)[]

export type FormValue = string | number | boolean | readonly string[] | Readonly<Record<string, string>>

/** One change of a recipe. */
export type FormChange =
  | { readonly type: 'set'; readonly path: Path; readonly value: FormValue }
  | { readonly type: 'remove'; readonly path: Path }
  /** At the end of a list, which is made where there is none. */
  | { readonly type: 'append'; readonly path: Path; readonly value: FormValue }
  /** An entry of a list changes places with the one after it. */
  | { readonly type: 'swap'; readonly path: Path; readonly at: number }

export type FormAction = 'plan' | 'run' | 'estimate'

/** From the page to the host. */
export type FromForm =
  | { readonly type: 'ready'; readonly protocol: number }
  /** `version` is that of the text which the user saw. */
  | { readonly type: 'change'; readonly version: number; readonly change: FormChange }
  | { readonly type: 'act'; readonly action: FormAction }
  /** Shows the text, at the value that is meant. */
  | { readonly type: 'text'; readonly path: Path }

/** Something that is wrong with a value. */
export interface FormMark {
  readonly path: Path
  readonly severity: 'error' | 'warning' | 'information'
  readonly message: string
}

/** Why a text cannot be shown as a form; lines and columns count from 1. */
export interface FormProblem {
  readonly why: 'syntax' | 'twice' | 'object' | 'large' | 'deep'
  readonly detail: string
  readonly line: number
  readonly column: number
}

/** From the host to the page. */
export type ToForm =
  | {
      readonly type: 'begin'
      readonly schema: Readonly<Record<string, unknown>>
      readonly strings?: Readonly<Record<string, string>> | undefined
    }
  | {
      readonly type: 'recipe'
      readonly version: number
      /** Absent where there is a problem. */
      readonly value?: unknown
      readonly problem?: FormProblem | undefined
      readonly marks: readonly FormMark[]
      readonly canRun: boolean
      /** A change of the page has been dealt with; `late`: the text had changed meanwhile, and it was left undone. */
      readonly answers?: 'done' | 'late' | undefined
    }
  | { readonly type: 'refused'; readonly message: string }

const MAX_TEXT = 2 ** 16
const MAX_DEPTH = 12
const MAX_ENTRIES = 1000

const path: Guard<Path> = array<string | number>(
  (value, at) => (typeof value === 'string' ? text(1000)(value, at) : whole(0, MAX_TEXT)(value, at)),
  MAX_DEPTH,
)

const value: Guard<FormValue> = (raw, at) => {
  if (typeof raw === 'string') return text(MAX_TEXT)(raw, at)
  if (typeof raw === 'number') return number(raw, at)
  if (Array.isArray(raw)) return array(text(MAX_TEXT), MAX_ENTRIES)(raw, at)
  if (typeof raw !== 'object' || raw === null) return boolean(raw, at)
  const entries = Object.entries(raw)
  if (entries.length > MAX_ENTRIES) throw new GuardError(`${at}: too many keys`)
  return Object.fromEntries(entries.map(([key, entry]) => [key, text(MAX_TEXT)(entry, `${at}.${key}`)]))
}

const changes: { readonly [T in FormChange['type']]: Guard<Extract<FormChange, { type: T }>> } = {
  set: object({ type: oneOf('set'), path, value }),
  remove: object({ type: oneOf('remove'), path }),
  append: object({ type: oneOf('append'), path, value }),
  swap: object({ type: oneOf('swap'), path, at: whole(0, MAX_TEXT) }),
}

const change: Guard<FormChange> = (raw, at) => {
  const type = (raw as { type?: unknown } | null)?.type
  if (typeof type !== 'string' || !Object.hasOwn(changes, type)) throw new GuardError(`${at}: no change of a recipe`)
  return changes[type as FormChange['type']](raw, at)
}

const guards = {
  ready: object({ type: oneOf('ready'), protocol: number }),
  change: object({ type: oneOf('change'), version: number, change }),
  act: object({ type: oneOf('act'), action: oneOf('plan', 'run', 'estimate') }),
  text: object({ type: oneOf('text'), path }),
}

/** What a page sent, if it is a message: the host takes nothing from it on trust. */
export function readFromForm(raw: unknown): FromForm | undefined {
  const type = (raw as { type?: unknown } | null)?.type
  if (typeof type !== 'string' || !Object.hasOwn(guards, type)) return undefined
  try {
    return guards[type as keyof typeof guards](raw, 'message')
  } catch (error) {
    if (error instanceof GuardError) return undefined
    throw error
  }
}
