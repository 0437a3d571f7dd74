import type { Edit } from 'jsonc-parser'
import {
  FORM_PROTOCOL,
  type FormAction,
  type FormChange,
  type FormMark,
  type Path,
  readFromForm,
  type ToForm,
} from '../../shared/form-messages.ts'
import { readRecipe } from './read-recipe.ts'
import { recipeEdits } from './recipe-edits.ts'

/** The text that a form shows, and what belongs to it. */
export interface FormSource {
  schema(): Promise<Readonly<Record<string, unknown>>>
  text(): string
  /** Rises with every change of the text. */
  version(): number
  marks(): readonly FormMark[]
  canRun(): boolean
  apply(edits: readonly Edit[]): Promise<void>
  act(action: FormAction): void
  /** Shows the text at a place that counts UTF-16 units. */
  showText(path: Path): void
}

export interface FormSession {
  receive(message: unknown): Promise<void>
  /** Text, marks or what can be done have changed. */
  update(): void
}

/** The host's side of a form. The text is the truth: the page only asks for changes of it, and is told what it has become. */
export function formSession(
  source: FormSource,
  post: (message: ToForm) => void,
  strings?: Readonly<Record<string, string>>,
): FormSession {
  let [begun, applying] = [false, false]
  const send = (answers?: 'done' | 'late'): void => {
    const { value, problem } = { value: undefined, ...readRecipe(source.text()) }
    const [version, marks, canRun] = [source.version(), source.marks(), source.canRun()]
    post({ type: 'recipe', version, value, problem, marks, canRun, answers })
  }
  const begin = async (): Promise<void> => {
    try {
      post({ type: 'begin', schema: await source.schema(), strings })
      begun = true
      send()
    } catch (error) {
      post({ type: 'refused', message: error instanceof Error ? error.message : String(error) })
    }
  }
  const make = async (change: FormChange): Promise<void> => {
    const edits = recipeEdits(source.text(), change)
    applying = true
    try {
      if (edits.length > 0) await source.apply(edits)
    } finally {
      applying = false
    }
  }
  return {
    async receive(raw) {
      const message = readFromForm(raw)
      if (message?.type === 'ready') {
        if (message.protocol === FORM_PROTOCOL) await begin()
        else
          post({
            type: 'refused',
            message: 'This page is of another version of the extension: close it and open it again.',
          })
      } else if (message?.type === 'change') {
        // Positions in another text may mean something else.
        const late = applying || message.version !== source.version()
        let made = false
        try {
          if (!late) await make(message.change)
          made = !late
        } finally {
          // The page sends no other change before it has heard of this one.
          send(made ? 'done' : 'late')
        }
      } else if (!message && (raw as { type?: unknown } | null)?.type === 'change') send('late')
      else if (message?.type === 'act' && (message.action !== 'run' || source.canRun())) source.act(message.action)
      else if (message?.type === 'text') source.showText(message.path)
    },
    update: () => begun && send(),
  }
}
