import type { TranslateOf } from './page-strings.ts'

/** Texts of the form, handed over as those of the viewers are. What options are called and mean comes from the schema. */
export const formStrings = {
  title: 'Recipe',
  actions: 'Actions',
  plan: 'Plan',
  run: 'Run',
  estimate: 'Estimate',
  editText: 'Edit as Text',
  editTextOf: 'Edit as Text: {0}',
  notSet: 'not set',
  standard: 'not set ({0})',
  add: 'Add',
  addTo: 'Add to {0}',
  kindToAdd: 'Kind to add',
  remove: 'Remove',
  removeOf: 'Remove {0}',
  up: 'Up',
  upOf: 'Move {0} up',
  down: 'Down',
  downOf: 'Move {0} down',
  correct: 'Set to {0}',
  entry: '{0}, entry {1}',
  newEntry: '{0}, new entry',
  clearHint: 'An entry that is emptied goes.',
  moreEntries: '{0} more are only in the text.',
  notDrawn: 'The form has no control for this.',
  syntax: 'The text is no JSON: {0} in line {1}, column {2}.',
  twice: 'The key {0} is there twice: line {1}, column {2}.',
  object: 'A recipe is an object in braces; this text is not ({0} in line {1}, column {2}).',
  large: 'The text is too large for a form: {0} characters.',
  late: 'The text had changed meanwhile; what you did last was left undone.',
  appended: '{0} is added.',
  removed: '{0} is removed.',
  moved: '{0} is moved.',
} as const

export type TranslateForm = TranslateOf<keyof typeof formStrings>
