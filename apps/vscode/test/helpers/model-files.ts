import { open } from 'node:fs/promises'

interface Declared {
  readonly name: string
  readonly shape: readonly number[]
}

/**
 * A safetensors file of zeros in which no zero is stored: a header in front of a hole.
 * @returns bytes of the file
 */
export async function writeHollow(path: string, tensors: readonly Declared[]): Promise<number> {
  let end = 0
  const entries = tensors.map(({ name, shape }) => {
    const begin = end
    end += shape.reduce((product, dim) => product * dim, 4)
    // Text rather than an object, which would take a name like `__proto__` for something else.
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype: 'F32', shape, data_offsets: [begin, end] })}`
  })
  const header = Buffer.from(`{${entries.join(',')}}`)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const file = await open(path, 'w')
  try {
    await file.write(length)
    await file.write(header)
    await file.truncate(8 + header.length + end)
  } finally {
    await file.close()
  }
  return 8 + header.length + end
}

/** Names that would do harm if they were more than text. */
export const hostileNames: readonly string[] = [
  '<img src=x onerror=alert(1)>.weight',
  '"><script>alert(1)</script>.weight',
  'javascript:alert(1).weight',
  'שלום.עולם.weight',
  'model.‮thgiew.layers.weight',
  '__proto__.constructor.weight',
  '../../../etc/passwd',
  '...',
  '',
  `deep${'.a'.repeat(2000)}`,
  `long.${'x'.repeat(20_000)}`,
]
