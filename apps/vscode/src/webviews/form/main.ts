import { fieldsOf } from '../../shared/form-fields.ts'
import { FORM_PROTOCOL, type FormProblem, type FromForm, type ToForm } from '../../shared/form-messages.ts'
import { formStrings, type TranslateForm } from '../../shared/form-strings.ts'
import { translatorOf } from '../../shared/page-strings.ts'
import { visibleText } from '../../shared/visible-text.ts'
import { adoptStyles } from '../shared/adopt-styles.ts'
import { element } from '../shared/dom.ts'
import { changeQueue } from './change-queue.ts'
import { group } from './group.ts'
import { button, type FormContext, markList } from './part.ts'
import { styles } from './styles.ts'

declare function acquireVsCodeApi(): { postMessage(message: FromForm): void }

adoptStyles(styles)
const api = acquireVsCodeApi()
const view = document.getElementById('view')!
let shown: { show(recipe: Recipe): void } | undefined
window.addEventListener('message', ({ data }: MessageEvent<ToForm>) => {
  if (data.type === 'begin') shown = begin(data)
  else if (data.type === 'recipe') shown?.show(data)
  else view.replaceChildren(element('p', { class: 'error', role: 'alert' }, visibleText(data.message, 2000)))
})
api.postMessage({ type: 'ready', protocol: FORM_PROTOCOL })

type Recipe = Extract<ToForm, { type: 'recipe' }>

function begin({ schema, strings }: Extract<ToForm, { type: 'begin' }>): { show(recipe: Recipe): void } {
  const t = translatorOf(formStrings, strings)
  const status = element('p', { role: 'status', class: 'status' })
  const queue = changeQueue((version, change) => api.postMessage({ type: 'change', version, change }))
  const context: FormContext = {
    t,
    change: queue.add,
    editText: path => api.postMessage({ type: 'text', path }),
    announce(text) {
      status.textContent = text
    },
  }
  const root = group(fieldsOf(schema), [], context)
  const marks = markList()
  const problem = element('p', { class: 'error', role: 'alert', hidden: true })
  const act = (action: 'plan' | 'run' | 'estimate') => button(t(action), () => api.postMessage({ type: 'act', action }))
  const [plan, run, estimate] = [act('plan'), act('run'), act('estimate')]
  const text = button(t('editText'), () => context.editText([]))
  view.replaceChildren(
    element('h1', {}, t('title')),
    element('div', { class: 'controls bar', role: 'group', 'aria-label': t('actions') }, plan, run, estimate, text),
    status,
    problem,
    marks.element,
    root.element,
  )
  return {
    show(recipe) {
      run.hidden = !recipe.canRun
      problem.hidden = recipe.problem === undefined
      root.element.hidden = recipe.problem !== undefined
      if (recipe.problem) problem.textContent = problemText(recipe.problem, t)
      else root.update(recipe.value, recipe.marks)
      marks.show(recipe.problem ? [] : recipe.marks.filter(({ path }) => path.length === 0))
      if (recipe.answers === 'late') status.textContent = t('late')
      queue.told(recipe.version, recipe.answers)
    },
  }
}

const problemText = ({ why, detail, line, column }: FormProblem, t: TranslateForm): string =>
  t(why, visibleText(detail), line, column)
