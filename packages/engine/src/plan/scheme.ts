type Options = Readonly<Record<string, unknown>>

/** What the options of a weight method do to a matrix, for people: `4-bit symmetric, groups of 64`. */
export function describeScheme(options: unknown): string {
  const o = options as Options
  const parts = [zeros(o), grid(o), table(o)].filter(part => part !== '')
  if (o.bits === undefined && typeof o.dtype === 'string') parts.push(`rest ${o.dtype}`)
  return parts.join(', ')
}

function zeros({ pattern, sparsity }: Options): string {
  if (typeof pattern === 'string') return `${pattern} zeros`
  return typeof sparsity === 'number' ? `${Number((100 * sparsity).toFixed(2))} % zeros` : ''
}

function grid({ bits, symmetric, groupSize, zero }: Options): string {
  if (typeof bits !== 'number') return ''
  const kind = symmetric ? 'symmetric' : zero === 'min' ? 'asymmetric with minimum' : 'asymmetric'
  return `${bits}-bit ${kind}${typeof groupSize === 'number' ? `, ${groups(groupSize)}` : ''}`
}

function table({ blockSize, doubleQuant }: Options): string {
  return typeof doubleQuant === 'boolean'
    ? `blocks of ${blockSize}, scales ${doubleQuant ? 'in 8 bits' : 'in f32'}`
    : ''
}

function groups(size: number): string {
  if (size === 0) return 'one scale a matrix'
  return size === -1 ? 'one scale a row' : `groups of ${size}`
}

/** What happens where groups or patterns do not divide the inputs of a matrix; undefined when they do. */
export function remainderNote(options: unknown, inputs: number): string | undefined {
  const { groupSize, bits, pattern } = options as Options
  const notes: string[] = []
  if (typeof bits === 'number' && typeof groupSize === 'number' && groupSize > 0 && inputs % groupSize !== 0)
    notes.push(
      groupSize > inputs
        ? `groups of ${groupSize} are longer than its ${inputs} inputs: one group a row`
        : `groups of ${groupSize} do not divide its ${inputs} inputs: the last group of a row has ${inputs % groupSize}`,
    )
  const every = typeof pattern === 'string' ? Number(pattern.split(':')[1]) : 1
  if (inputs % every !== 0)
    notes.push(
      `${pattern} does not divide its ${inputs} inputs: the last ${inputs % every} lose their share, rounded down`,
    )
  return notes.length > 0 ? notes.join('; ') : undefined
}
