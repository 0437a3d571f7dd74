import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Session } from '../session.ts'
import { closeEditors, happens, openFile, PATIENCE_MS, screenshot, webviewWith } from '../workbench.ts'

const MANY = 100_000

export interface HostileModels {
  /** What the tree of the model with hostile names is said to hold. */
  readonly names: string
  /** What is said of each file that is no model. */
  readonly refused: Readonly<Record<string, string>>
  /** What is said above the tree of many tensors. */
  readonly many: string
  /** The longest work of the host's thread that nothing came between, in milliseconds of its processor. */
  readonly longestTaskMs: number
}

/** A workspace of somebody who means harm: every file of it is opened, and looked at. */
export async function hostileModels(session: Session): Promise<HostileModels> {
  const { page, host, workspace } = session
  writeHostile(workspace)
  const { observed } = host
  // While a host starts, every extension of it is at work.
  await happens('an idle host', () => (observed.hostFacts()?.longestTaskMs ?? Number.POSITIVE_INFINITY) < 10)
  let longestTaskMs = 0
  const watch = setInterval(() => {
    longestTaskMs = Math.max(longestTaskMs, observed.hostFacts()?.longestTaskMs ?? 0)
  }, 100)
  try {
    await openFile(page, 'names.safetensors')
    const tree = await webviewWith(page, '[role=treeitem]')
    const names = (await tree.locator('[role=tree]').textContent()) ?? ''
    await session.inThemes('hostile-names')
    await closeEditors(page)

    const refused: Record<string, string> = {}
    for (const name of Object.keys(broken)) {
      await openFile(page, name)
      const view = await webviewWith(page, '[role=alert]')
      refused[name] = (await view.locator('[role=alert]').textContent()) ?? ''
      await closeEditors(page)
    }

    await openFile(page, 'many.safetensors')
    const view = await webviewWith(page, '[role=treeitem]')
    const many = (await view.locator('#view').textContent({ timeout: PATIENCE_MS })) ?? ''
    await screenshot(page, 'hostile-many')
    return { names, refused, many, longestTaskMs }
  } finally {
    clearInterval(watch)
  }
}

/** Names that would do harm if they were more than text. */
const hostileNames = [
  '<img src=x onerror=alert(1)>.weight',
  '"><script>alert(1)</script>.weight',
  'javascript:alert(1).weight',
  'model.\u202ethgiew.layers.weight',
  '__proto__.constructor.weight',
  '../../../etc/passwd',
  '',
  `deep${'.a'.repeat(2000)}`,
  `long.${'x'.repeat(20_000)}`,
]

/** A header of safetensors, and the length that it is said to have. */
function safetensors(header: string, length = BigInt(Buffer.byteLength(header))): Buffer {
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(length)
  return Buffer.concat([size, Buffer.from(header)])
}

/** A sound file of tensors of two zeros. */
function zeros(names: readonly string[]): Buffer {
  const entries = names.map((name, index) => {
    const data = { dtype: 'F32', shape: [2], data_offsets: [8 * index, 8 * index + 8] }
    // Text rather than an object, which would take a name like `__proto__` for something else.
    return `${JSON.stringify(name)}:${JSON.stringify(data)}`
  })
  return Buffer.concat([safetensors(`{${entries.join(',')}}`), Buffer.alloc(8 * names.length)])
}

function gguf(tensors: bigint, keys: bigint): Buffer {
  const head = Buffer.alloc(24)
  head.write('GGUF')
  head.writeUInt32LE(3, 4)
  head.writeBigUInt64LE(tensors, 8)
  head.writeBigUInt64LE(keys, 16)
  return head
}

const broken: Readonly<Record<string, Buffer>> = {
  'endless-header.safetensors': safetensors('{}', 2n ** 63n),
  'nested.safetensors': safetensors('['.repeat(100_000)),
  'outside.safetensors': safetensors('{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'),
  'overflow.safetensors': safetensors(
    '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,9007199254740991]}}',
  ),
  'countless.gguf': gguf(2n ** 60n, 2n ** 60n),
  'cut.gguf': gguf(3n, 3n).subarray(0, 20),
  'noise.onnx': Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 197 + 31) % 251)),
}

function writeHostile(workspace: string): void {
  writeFileSync(join(workspace, 'names.safetensors'), zeros(hostileNames))
  const many = Array.from({ length: MANY }, (_, index) => `t.w${index}`)
  writeFileSync(join(workspace, 'many.safetensors'), zeros(many))
  for (const [name, bytes] of Object.entries(broken)) writeFileSync(join(workspace, name), bytes)
  const folder = join(workspace, '<img src=x onerror=alert(1)>')
  mkdirSync(folder)
  writeFileSync(join(folder, '$(bug).sinter.jsonc'), '{ "version": 1, "<img src=x onerror=alert(1)>": 1 }\n')
}
