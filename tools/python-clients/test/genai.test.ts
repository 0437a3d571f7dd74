import { execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openConversion } from '@sinter/engine'
import { createGenerator, logits, openModel } from '@sinter/model'
import { ortNodeBackend, tensor } from '@sinter/tensor-core'
import { expect, test } from 'vitest'
import { pythonHere } from '../src/index.ts'

const demo = fileURLToPath(new URL('../../../apps/cli/assets/demo-model', import.meta.url))
const script = fileURLToPath(new URL('../src/genai.py', import.meta.url))
const COUNT = 40
const python = pythonHere()

test(python
  ? 'onnxruntime-genai continues a text as we do'
  : 'left out: onnxruntime-genai; SINTER_PYTHON is not set (tools/python-clients/make-venv.sh)', async () => {
  if (!python) return console.warn('onnxruntime-genai: left out, SINTER_PYTHON is not set')
  const folder = await mkdtemp(join(tmpdir(), 'genai-'))
  const backend = ortNodeBackend({ threads: 1, device: 'cpu' })
  try {
    // f32, whose products it computes as we do; and 4 bits, where it rounds what enters them.
    for (const [type, tolerance] of [
      ['fp32', 1e-4],
      ['q4', 0.3],
    ] as const) {
      const out = join(folder, type)
      const conversion = await openConversion(demo, { to: `onnx-genai:${type}` })
      for await (const _ of conversion.write({ out, threads: 1 }));
      await conversion.close()
      const model = await openModel(out)
      const ids = [...model.tokenizer!.encode('Once there was a girl named Mia.', { addSpecialTokens: true })]
      const answer = execFileSync(python, [script, out, ids.join(','), String(COUNT)], { encoding: 'utf8' })
      const theirs = JSON.parse(/^RESULT (.*)$/m.exec(answer)![1]!) as { ids: number[]; logits: number[] }

      const input = tensor('i32', [1, ids.length], Int32Array.from(ids))
      const all = (await logits(model, backend, input)).get('logits')!.data as Float32Array
      const last = all.subarray(all.length - theirs.logits.length)
      expect(Math.max(...last.map((value, i) => Math.abs(value - theirs.logits[i]!))), type).toBeLessThan(tolerance)
      const generator = await createGenerator(model, backend)
      const ours: number[] = []
      for await (const id of generator.generate(ids, { tokens: COUNT, temperature: 0 })) ours.push(id)
      await generator.close()
      expect(theirs.ids, type).toEqual(ours)
      await model.close()
    }
  } finally {
    await backend.close()
    await rm(folder, { recursive: true })
  }
}, 120_000)
