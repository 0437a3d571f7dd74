import { nearestName, SinterError } from '@sinter/model'
import type { RecipeStep } from '../recipe/recipe.ts'
import { blocksOf, matches } from './glob.ts'
import type { TensorRole } from './tensors.ts'

/**
 * The linear layers that a step takes.
 * @throws SinterError `rule` when a glob or block range matches nothing, or names what no method can compress
 */
export function stepTargets(step: RecipeStep, index: number, tensors: readonly TensorRole[]): ReadonlySet<string> {
  const where = `steps[${index}] (${step.method})`
  const linears = tensors.filter(t => t.role === 'linear')
  const inRange = withinBlocks(step.blocks, index, where, linears)
  const [without, only] = [true, false].map(negative =>
    (step.targets ?? []).filter(g => g.startsWith('!') === negative),
  )
  const wanted = only!.length > 0 ? only! : ['*']
  const place = (glob: string): Path => ['steps', index, 'targets', (step.targets ?? []).indexOf(glob)]
  const taken = new Set(wanted.flatMap(glob => named(glob, where, place(glob), inRange, tensors)))
  for (const glob of without!) for (const name of named(glob, where, place(glob), inRange, tensors)) taken.delete(name)
  if (taken.size === 0)
    throw new SinterError('rule', `${where}: its targets take out all that they put in; leave some of them away`, {
      place: { path: ['steps', index, 'targets'] },
    })
  return taken
}

/** Tensors that a `protect` glob keeps, with the glob. @throws SinterError `rule` when one matches nothing */
export function protectedBy(globs: readonly string[], tensors: readonly TensorRole[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [i, glob] of globs.entries()) {
    const hits = tensors.filter(t => hit(glob, t))
    if (hits.length === 0) throw matchesNothing(glob, `protect[${i}]`, ['protect', i], tensors)
    for (const { tensor } of hits) if (!found.has(tensor)) found.set(tensor, glob)
  }
  return found
}

const hit = (glob: string, { name, tensor }: TensorRole): boolean =>
  matches(glob, name) || matches(glob, tensor) || matches(`${glob}.weight`, tensor)

type Path = readonly (string | number)[]

function withinBlocks(
  text: string | undefined,
  index: number,
  where: string,
  linears: readonly TensorRole[],
): readonly TensorRole[] {
  if (text === undefined) return linears
  const count = 1 + linears.reduce((most, { block }) => Math.max(most, block!), -1)
  const blocks = blocksOf(text, count)
  if (blocks) return linears.filter(({ block }) => blocks.has(block!))
  throw new SinterError(
    'rule',
    `${where}: blocks ${JSON.stringify(text)}: the model has the blocks 0 to ${count - 1}`,
    { place: { path: ['steps', index, 'blocks'], suggestion: `0-${count - 1}` } },
  )
}

function named(
  written: string,
  where: string,
  path: Path,
  linears: readonly TensorRole[],
  all: readonly TensorRole[],
): string[] {
  const glob = written.replace(/^!/, '')
  const hits = linears.filter(t => hit(glob, t))
  if (hits.length > 0) return hits.map(t => t.tensor)
  const other = all.find(t => hit(glob, t) && t.role !== 'linear')
  if (other)
    throw new SinterError(
      'rule',
      `${where}: target ${JSON.stringify(glob)} names ${other.tensor} (${other.role}); only linear layers of blocks ` +
        `can be compressed: ${layerNames(linears).join(', ')}`,
      { place: { path } },
    )
  throw matchesNothing(written, where, path, linears)
}

function matchesNothing(written: string, where: string, path: Path, tensors: readonly TensorRole[]): SinterError {
  const [, mark = '', glob = ''] = /^(!?)(.*)$/s.exec(written) ?? []
  const names = layerNames(tensors)
  const near = nearestName(glob.replaceAll('*', ''), names)
  const list = [...(near ? [near] : []), ...names.filter(name => name !== near)].slice(0, 12)
  return new SinterError(
    'rule',
    `${where}: ${JSON.stringify(glob)} matches nothing; nearest names: ${list.join(', ')}`,
    {
      place: { path, suggestion: near === undefined ? undefined : `${mark}${near}` },
    },
  )
}

/** Canonical names, each once. */
const layerNames = (tensors: readonly TensorRole[]): string[] => [...new Set(tensors.map(({ name }) => name))]
