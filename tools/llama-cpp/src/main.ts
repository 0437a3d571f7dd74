/** node --conditions=@sinter/source tools/llama-cpp/src/main.ts MODEL TEXT [Q4_0,Q4_1] [samples] [length] */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { check } from './check.ts'

const [model, text, types = 'Q4_0,Q4_1', samples = '8', length = '128'] = process.argv.slice(2)
if (!model || !text) throw new Error('give MODEL and TEXT')
const folder = await mkdtemp(join(tmpdir(), 'sinter-llama-cpp-'))
for (const type of types.split(',') as ('Q4_0' | 'Q4_1')[])
  console.log(
    JSON.stringify(await check({ model, text, folder, type, samples: Number(samples), length: Number(length) })),
  )
await rm(folder, { recursive: true, force: true })
