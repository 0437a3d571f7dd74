/** Writes a safetensors file without ever finishing it; says so on stdout when it is in the middle. To be killed. */
import { zeros } from '@sinter/tensor-core'
import { createSafetensorsWriter } from '../../src/formats/safetensors-write.ts'

const shape = [256, 1024]
const specs = Array.from({ length: 1000 }, (_, i) => ({ name: `w${i}`, dtype: 'f32', shape }) as const)
const writer = await createSafetensorsWriter(process.argv[2]!, specs)
for (const { name } of specs.slice(0, -1)) {
  await writer.write(name, zeros('f32', shape))
  if (name === 'w3') console.log('in the middle')
}
await new Promise(() => {})
