/** What *Compress…* opens: a preset for a model, as a recipe to go on with. */
export function recipeText(preset: string, model: string): string {
  return preset.replace(/("version": 1,)/, `$1\n  "model": ${JSON.stringify(model)},`)
}

/** `weights/model.safetensors` seen from `recipes`: `../weights/model.safetensors`. Paths use `/` and are absolute. */
export function relativePath(from: string, to: string): string {
  const a = from.split('/').filter(part => part !== '')
  const b = to.split('/').filter(part => part !== '')
  const common = a.findIndex((part, i) => part !== b[i])
  const shared = common === -1 ? a.length : common
  return [...a.slice(shared).map(() => '..'), ...b.slice(shared)].join('/') || '.'
}
