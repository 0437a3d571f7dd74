import { z } from 'zod'
import { MAX_PATTERN_LENGTH } from './limits.ts'

/**
 * Regular expressions of tokenizer.json are written for Oniguruma (Ruby's syntax, Unicode). This file turns them into
 * JavaScript's with the `u` flag. What differs and is translated:
 *
 * - `\s`: Unicode's White_Space. JavaScript's has U+FEFF more and U+0085 less.
 * - `\d`, `\w`: all scripts. JavaScript's are ASCII only.
 * - `(?i:…)`: letters become classes, because runtimes before V8 12.5 do not know the syntax. The case folding of s and
 *   k has a third letter each (ſ, K).
 * - possessive `?+ *+ ++`: a lookahead that captures, then a reference to the capture, which cannot be backtracked into.
 * - `\p{Han}`: `\p{Script=Han}`. `\A`, `\z`, `\h`, and needless escapes, which the `u` flag forbids.
 *
 * A file may come from anyone, and a pattern such as `(a+)+$` takes time exponential in the text. An unbounded repetition
 * of a group that repeats without bound inside is therefore refused; no tokenizer in use has one. (It is the usual form
 * of such patterns, not the only one.)
 */

const patternSchema = z.union([z.object({ String: z.string() }), z.object({ Regex: z.string() })])

/** Compiles `{ "String": … }` or `{ "Regex": … }`. Throws on what cannot be translated. */
export function compilePattern(config: unknown): RegExp {
  const pattern = patternSchema.parse(config)
  const source = 'String' in pattern ? escapeLiteral(pattern.String) : translateOniguruma(pattern.Regex)
  return new RegExp(source, 'gu')
}

/** `text` as a pattern that matches exactly it. */
export const escapeLiteral = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')

const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}'
/** Oniguruma's `\\w` has these six as well, but only outside of classes. */
const WORD_OUTSIDE = `${WORD}²³¹¼½¾`
const ESCAPES: Readonly<Record<string, string>> = {
  s: '\\p{White_Space}',
  S: '\\P{White_Space}',
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  h: '[0-9a-fA-F]',
  A: '(?<![\\s\\S])',
  z: '(?![\\s\\S])',
}
/** What stands between characters and cannot be repeated. In Ruby's syntax ^ and $ are always those of a line. */
const BETWEEN: Readonly<Record<string, string>> = { '|': '|', '^': '(?<![^\\n])', $: '(?![^\\n])' }
const NEEDS_ESCAPE = /[\\^$.*+?()[\]{}|/-]/
const KEPT_ESCAPES = /[nrtfvbBuxcpP0-9k]/
const GENERAL_CATEGORY = /^(?:[LMNPSZC][a-z]?|Any|Assigned|ASCII|Alphabetic|White_Space|[A-Za-z_]+=.+)$/

interface Group {
  readonly start: number
  readonly ignoreCase: boolean
  repeats: boolean
}

interface State {
  readonly source: string
  at: number
  out: string[]
  /** Index in `out` where the last atom begins, for possessive quantifiers. */
  atom: number
  /** Whether the last atom repeats without bound inside. */
  atomRepeats: boolean
  captures: number
  groups: Group[]
}

/** Translates a pattern from Oniguruma to JavaScript's `u` syntax. Throws on a construct that is not known to mean the same. */
export function translateOniguruma(source: string): string {
  if (source.length > MAX_PATTERN_LENGTH)
    fail(source, `has ${source.length} characters; at most ${MAX_PATTERN_LENGTH} are read`)
  const outer: Group = { start: 0, ignoreCase: false, repeats: false }
  const state: State = { source, at: 0, out: [], atom: 0, atomRepeats: false, captures: 0, groups: [outer] }
  while (state.at < source.length) step(state)
  if (state.groups.length !== 1) fail(source, 'has an unclosed group')
  return state.out.join('')
}

function fail(source: string, what: string): never {
  const shown = source.length > 80 ? `${source.slice(0, 80)}…` : source
  throw new Error(`The tokenizer's pattern ${JSON.stringify(shown)} ${what}.`)
}

function step(state: State): void {
  const char = state.source[state.at] as string
  if (char === '(') openGroup(state)
  else if (char === ')') closeGroup(state)
  else if (char === '[') pushAtom(state, readClass(state))
  else if (char === '\\') pushAtom(state, readEscape(state, false))
  else if (Object.hasOwn(BETWEEN, char)) {
    state.out.push(BETWEEN[char] as string)
    state.atom = state.out.length
    state.at++
  } else if (/[*+?{]/.test(char)) quantify(state)
  else pushAtom(state, literal(state, readChar(state)))
}

function pushAtom(state: State, text: string): void {
  state.atom = state.out.length
  state.atomRepeats = false
  state.out.push(text)
}

function readChar(state: State): string {
  const char = String.fromCodePoint(state.source.codePointAt(state.at) as number)
  state.at += char.length
  return char
}

function literal(state: State, char: string): string {
  if (char === '.') return '[^\\n]'
  if (!ignoresCase(state) || !/[a-z]/i.test(char)) return NEEDS_ESCAPE.test(char) && char !== '-' ? `\\${char}` : char
  return `[${bothCases(char)}]`
}

const ignoresCase = (state: State): boolean => (state.groups.at(-1) as Group).ignoreCase

function bothCases(char: string): string {
  const lower = char.toLowerCase()
  const third = lower === 's' ? '\u017f' : lower === 'k' ? '\u212a' : ''
  return lower + lower.toUpperCase() + third
}

function openGroup(state: State): void {
  const head = /^\((\?(?:i?:|=|!|<=|<!|>|i\)))?/.exec(state.source.slice(state.at)) as RegExpExecArray
  const kind = head[1]
  if (kind === undefined && state.source[state.at + 1] === '?')
    fail(state.source, 'has a kind of group that is not known here')
  if (kind === '?>') fail(state.source, 'has an atomic group, which is not known here')
  state.at += head[0].length
  if (kind === '?i)') {
    const group = state.groups.at(-1) as Group
    state.groups[state.groups.length - 1] = { ...group, ignoreCase: true }
    return
  }
  const ignoreCase = ignoresCase(state) || kind === '?i:'
  state.groups.push({ start: state.out.length, ignoreCase, repeats: false })
  // A plain group is never referred to, so it need not capture: numbers stay free for possessive quantifiers.
  state.out.push(kind === undefined || kind === '?i:' ? '(?:' : `(${kind}`)
  state.atom = state.out.length
}

function closeGroup(state: State): void {
  const group = state.groups.pop()
  if (!group || state.groups.length === 0) fail(state.source, 'closes a group that is not open')
  state.out.push(')')
  state.at++
  state.atom = group.start
  state.atomRepeats = group.repeats
  ;(state.groups.at(-1) as Group).repeats ||= group.repeats
}

function quantify(state: State): void {
  const match = /^(?:[*+?]|\{\d+(?:,\d*)?\}|\{,\d+\})/.exec(state.source.slice(state.at))
  if (!match) {
    pushAtom(state, literal(state, readChar(state)))
    return
  }
  if (state.atom >= state.out.length) fail(state.source, `repeats nothing at ${state.at}`)
  state.at += match[0].length
  const suffix = /^[+?]?/.exec(state.source.slice(state.at))?.[0] ?? ''
  state.at += suffix.length
  const possessive = suffix === '+' && match[0].length === 1
  const quantifier = suffix === '+' && !possessive ? repeatRange(state, match[0]) : match[0].replace('{,', '{0,')
  const unbounded = /^(?:[*+]|\{\d+,\})$/.test(quantifier)
  if (unbounded && state.atomRepeats)
    fail(state.source, 'repeats a repetition without bound, which can take exponential time')
  const atom = state.out.splice(state.atom).join('')
  state.out.push(possessive ? possess(state, atom + quantifier) : atom + quantifier + (suffix === '?' ? '?' : ''))
  if (!unbounded) return
  state.atomRepeats = true
  ;(state.groups.at(-1) as Group).repeats = true
}

/** In Ruby's syntax `x{1,3}+` is not possessive: it repeats the range, which from 0 or 1 on is simply `x*` or `x+`. */
function repeatRange(state: State, range: string): string {
  const least = Number(/\d+/.exec(range.replace('{,', '{0,'))?.[0])
  if (least > 1) fail(state.source, `repeats ${range}, which is not known here`)
  return least === 0 ? '*' : '+'
}

function possess(state: State, body: string): string {
  const name = `p${state.captures++}`
  return `(?:(?=(?<${name}>${body}))\\k<${name}>)`
}

function readEscape(state: State, inClass: boolean): string {
  const char = state.source[state.at + 1]
  if (char === undefined) fail(state.source, 'ends in a backslash')
  state.at += 2
  if (char === 'w') return inClass ? WORD : `[${WORD_OUTSIDE}]`
  if (char === 'W' && !inClass) return `[^${WORD_OUTSIDE}]`
  if (char === 'p' || char === 'P') return readProperty(state, char)
  if ((char === 'A' || char === 'z' || char === 'W') && inClass) fail(state.source, `has \\${char} in a class`)
  if (char === 'h' && inClass) return '0-9a-fA-F'
  if (Object.hasOwn(ESCAPES, char)) return ESCAPES[char] as string
  if (KEPT_ESCAPES.test(char)) return readCodeEscape(state, char)
  if (/[a-zA-Z]/.test(char)) fail(state.source, `has \\${char}, which is not known here`)
  return NEEDS_ESCAPE.test(char) ? (char === '-' && !inClass ? '-' : `\\${char}`) : char
}

/** `\x{1F600}` is written `\u{1F600}` in JavaScript; a reference to a group is refused, because groups are renumbered. */
function readCodeEscape(state: State, char: string): string {
  if (/[1-9k]/.test(char)) fail(state.source, 'refers to a group, which is not known here')
  return char === 'x' && state.source[state.at] === '{' ? '\\u' : `\\${char}`
}

function readProperty(state: State, char: string): string {
  const match = /^(?:\{(\^?)([^}]+)\}|([A-Z]))/.exec(state.source.slice(state.at))
  if (!match) fail(state.source, `has \\${char} without a property`)
  state.at += match[0].length
  const name = match[2] ?? (match[3] as string)
  const negated = (char === 'P') !== (match[1] === '^')
  return `\\${negated ? 'P' : 'p'}{${GENERAL_CATEGORY.test(name) ? name : `Script=${name}`}}`
}

function readClass(state: State): string {
  let text = '['
  state.at++
  if (state.source[state.at] === '^') {
    text += '^'
    state.at++
  }
  const first = state.at
  while (state.source[state.at] !== ']' || state.at === first) {
    if (state.at >= state.source.length) fail(state.source, 'has an unclosed class')
    text += readClassItem(state)
  }
  state.at++
  return `${text}]`
}

function readClassItem(state: State): string {
  const { source, at } = state
  if (source[at] === '\\') return readEscape(state, true)
  if (source[at] === '[' || source.startsWith('&&', at))
    fail(source, 'has a class inside a class, which is not known here')
  const char = readChar(state)
  if (ignoresCase(state) && /[a-z]/i.test(char)) return caseInsensitiveItem(state, char)
  return /[\\\]^]/.test(char) ? `\\${char}` : char
}

/** A letter of a class, or a range of ASCII letters, in both cases. */
function caseInsensitiveItem(state: State, char: string): string {
  const range = /^-([a-zA-Z])/.exec(state.source.slice(state.at))
  if (!range) return bothCases(char)
  state.at += 2
  const last = range[1] as string
  const has = (letter: string): boolean => char.toLowerCase() <= letter && letter <= last.toLowerCase()
  const ranges = `${char.toLowerCase()}-${last.toLowerCase()}${char.toUpperCase()}-${last.toUpperCase()}`
  return ranges + (has('s') ? '\u017f' : '') + (has('k') ? '\u212a' : '')
}
