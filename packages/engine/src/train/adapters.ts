import { unknownName } from '../registry/methods.ts'
import { adapterMethods } from '../registry/train-methods.ts'
import type { TrainRecipeInput } from './train-recipe.ts'

/** QLoRA (arXiv:2305.14314) is LoRA beside matrices in NF4: a name for both. Here it begins with what that took from them. */
const qlora = 'qlora'

/** What `finetune` can put beside frozen matrices. */
export const adapterNames: readonly string[] = [...adapterMethods.map(({ name }) => name), qlora]

/**
 * An adapter as a recipe writes it.
 * @throws SinterError `unknown-name` with the nearest name and all that are known
 */
export function adapterParts(
  name: string,
  options: Readonly<Record<string, unknown>>,
): Pick<TrainRecipeInput, 'method' | 'backbone'> {
  if (!adapterNames.includes(name)) throw unknownName('adapter', name, adapterNames)
  if (name === qlora) return { method: { initial: 'error', ...options, name: 'lora' }, backbone: { method: 'nf4' } }
  return { method: { ...options, name } }
}
