import { folderFormatNamed, modelOf, openCheckpoint, writeCompressedFolder } from '@sinter/model'
import { toF32, type Weight } from '@sinter/tensor-core'
import type { Case } from './cases.ts'

/** Writes a model with the linear layers of its blocks compressed. @returns names of the compressed matrices */
export async function writeCase(input: string, path: string, { format, compress }: Case): Promise<readonly string[]> {
  const checkpoint = await openCheckpoint(input)
  try {
    const linears = await linearNames(input)
    const source = checkpoint.source
    // Every weight is asked for twice; the models of these tests are small.
    const made = new Map<string, Weight>()
    const weight = async (name: string): Promise<Weight | undefined> => {
      if (!linears.has(name)) return undefined
      if (!made.has(name)) made.set(name, await compress(toF32(await source.read(name))))
      return made.get(name)
    }
    const written = await writeCompressedFolder(
      path,
      { ...checkpoint, source: { ...source, weight } },
      folderFormatNamed(format),
    )
    return written.held
  } finally {
    await checkpoint.close()
  }
}

async function linearNames(input: string): Promise<ReadonlySet<string>> {
  const model = await modelOf(await openCheckpoint(input))
  try {
    const names = Array.from({ length: model.blocks }, (_, block) => {
      const stored = model.blockTensors(block)
      return model.blockGraph(block).linears.map(({ name }) => stored.get(`${name}.weight`)!)
    })
    return new Set(names.flat())
  } finally {
    await model.close()
  }
}
