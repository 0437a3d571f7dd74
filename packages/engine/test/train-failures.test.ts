import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FormatError } from '@sinter/model'
import { describe, expect, test } from 'vitest'
import { exitCodeOf } from '../src/exit-code.ts'
import { RunError } from '../src/run/run-error.ts'
import { divergedPath } from '../src/train/diverged.ts'
import { trainFolder } from '../src/train/train-run.ts'
import { at, bytesOf, demoPath, recipeOf, refusal, runTraining, sums } from './train-setup.ts'

let tries = 0

async function refused(over: Parameters<typeof runTraining>[0]) {
  const out = at(`never-${tries++}`)
  const error = await refusal(runTraining(over, { out }))
  // What failed before its first checkpoint leaves nothing in the way of the next try.
  expect(existsSync(out)).toBe(false)
  expect(existsSync(trainFolder(out))).toBe(false)
  return error
}

const lines = (...records: unknown[]) => records.map(record => `${JSON.stringify(record)}\n`).join('')

describe('data that nothing can be learnt from', () => {
  const cases: readonly [title: string, name: string, text: string, says: RegExp][] = [
    ['an empty file', 'empty.txt', '', /empty\.txt: .*no (document|token)/],
    ['no lines', 'empty.jsonl', '\n\n', /empty\.jsonl.*(no document|no token)/],
    [
      'a document of one token',
      'one.jsonl',
      lines({ text: 'Tom went home.' }, { text: '' }),
      /one\.jsonl:2: .*one token/,
    ],
  ]

  test.each(cases)('%s', async (_, name, text, says) => {
    await writeFile(at(name), text)
    const error = await refused({ data: { path: at(name), separator: undefined } })
    expect(error.message).toMatch(says)
    expect(exitCodeOf(error)).toBe(3)
  })

  test('all labels masked', async () => {
    await cp(demoPath, at('chatty'), { recursive: true })
    await writeFile(at('chatty/chat_template.jinja'), '{% for m in messages %}{{ m.content + eos_token }}{% endfor %}')
    await writeFile(at('masked.jsonl'), lines({ messages: [{ role: 'user', content: 'Where is Tom?' }] }))
    const data = { path: at('masked.jsonl'), separator: undefined }
    const error = await refused({ model: at('chatty'), data })
    expect(error.message).toMatch(/masked\.jsonl:1: none of the \d+ tokens is to be learnt: no turn is the assistant/)
    expect(exitCodeOf(error)).toBe(3)
  })

  test('documents of one token, all left out', async () => {
    await writeFile(at('ones.jsonl'), lines({ text: '' }, { text: '' }))
    const data = { path: at('ones.jsonl'), separator: undefined, skipEmpty: true }
    expect((await refused({ data })).message).toMatch(/none of the 2 documents has a token to learn/)
  })

  test('a prompt longer than a row: the rows without a label are no rows', async () => {
    const prompt = 'Tom went home. '.repeat(40)
    await writeFile(at('long.jsonl'), lines({ prompt, completion: ' Yes.' }, { prompt, completion: ' No.' }))
    const data = { path: at('long.jsonl'), separator: undefined, heldOut: 0, packing: false }
    const { result } = await runTraining({ data, steps: 2, batch: 1 }, { out: at('long') })
    expect(result.data.rows).toBe(2)
    expect(result.losses.every(Number.isFinite)).toBe(true)
  })

  test('no such file', async () => {
    expect((await refused({ data: { path: at('nowhere.txt') } })).message).toMatch(/nowhere\.txt: no such file/)
  })

  test('no tokenizer', async () => {
    await cp(demoPath, at('mute'), { recursive: true })
    await rm(at('mute/tokenizer.json'))
    const error = await refused({ model: at('mute') })
    expect(error.message).toMatch(/mute has no tokenizer.*tokenizer\.json/)
    expect(exitCodeOf(error)).toBe(3)
  })

  test('rows longer than the model can read', async () => {
    expect((await refused({ data: { path: sums, length: 100_000 } })).message).toMatch(
      /rows of 100000 tokens; the model was made for \d+: lower the length/,
    )
  })
})

describe('training that diverges', () => {
  const wild = {
    method: { name: 'full' },
    optimizer: { name: 'sgd' },
    schedule: { name: 'constant', warmup: 0 } as const,
    learningRate: 10,
    clip: 0,
    steps: 40,
  }

  test('a rate that is too high: the step, and the norms of all gradients in a file', async () => {
    const out = at('wild')
    const error = await refusal(runTraining(wild, { out }))
    const step = Number(/diverged in step (\d+)/.exec(error.message)?.[1])
    expect(step).toBeGreaterThan(1)
    expect(error.message).toMatch(/loss|gradient of model\./)
    expect(error.message).toMatch(/Lower the learning rate.*wild\.diverged\.json/)
    expect(exitCodeOf(error)).toBe(2)
    const dump = JSON.parse(await readFile(divergedPath(out), 'utf8'))
    expect(dump.step).toBe(step)
    expect(dump.tensors).toHaveLength(38)
    expect(dump.tensors[0]).toMatchObject({
      name: 'model.embed_tokens.weight',
      parameter: { norm: expect.any(Number) },
    })
    expect(existsSync(out)).toBe(false)
    // The last good state stays.
    const kept = await readdir(trainFolder(out))
    expect(kept.some(name => /^step-0+\d+\.safetensors$/.test(name))).toBe(true)
  })

  test('numbers that are none are told by the tensor', async () => {
    await cp(demoPath, at('poisoned'), { recursive: true })
    const path = at('poisoned/model.safetensors')
    const bytes = await readFile(path)
    const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE())).toString())
    const [start] = header['model.layers.2.mlp.up_proj.weight'].data_offsets
    // NaN as bf16.
    bytes.writeUInt16LE(0x7fc0, 8 + Number(bytes.readBigUInt64LE()) + start)
    await writeFile(path, bytes)
    const data = { path: sums, heldOut: 0 }
    const error = await refusal(runTraining({ model: at('poisoned'), data }, { out: at('poisoned-out') }))
    expect(error.message).toMatch(/diverged in step 1: the loss is NaN, and the gradient of model\.layers\.\d/)
    const { tensors } = JSON.parse(await readFile(divergedPath(at('poisoned-out')), 'utf8'))
    expect(tensors.some(({ gradient }: { gradient?: { notFinite?: number } }) => (gradient?.notFinite ?? 0) > 0)).toBe(
      true,
    )
    // There was nothing to keep.
    expect(existsSync(trainFolder(at('poisoned-out')))).toBe(false)
  })
})

describe('a teacher that cannot teach', () => {
  const full = { method: { name: 'full' } }

  test('other tokens', async () => {
    await cp(demoPath, at('other'), { recursive: true })
    const file = at('other/tokenizer.json')
    const tokenizer = JSON.parse(await readFile(file, 'utf8'))
    const [first, second] = Object.keys(tokenizer.model.vocab).slice(300, 302)
    const { vocab } = tokenizer.model
    ;[vocab[first!], vocab[second!]] = [vocab[second!], vocab[first!]]
    await writeFile(file, JSON.stringify(tokenizer))
    const error = await refused({ ...full, teacher: at('other') })
    expect(error.message).toMatch(/do not share a vocabulary: token \d+ is ".*" in .*demo-model and ".*" in .*other;/)
    expect(exitCodeOf(error)).toBe(3)
  })

  test('no tokenizer, and an embedding of another size', async () => {
    const path = at('padded-mute')
    await padVocabulary(path, 1040)
    await rm(join(path, 'tokenizer.json'))
    expect((await refused({ ...full, teacher: path })).message).toMatch(
      /padded-mute has no tokenizer to compare \(the student has 1024 tokens, the teacher 1040\)/,
    )
  })

  test('rows of padding teach nothing: the terms are those without them', async () => {
    const path = at('padded')
    await padVocabulary(path, 1040)
    const teaching = { ...full, loss: { alpha: 1, divergence: 'jsd' } as const, steps: 1 }
    const run = async (teacher: string, out: string) =>
      (await runTraining({ ...teaching, teacher }, { out: at(out) })).result.losses
    expect(await run(path, 'taught-padded')).toEqual(await run(demoPath, 'taught-plain'))
  })

  test('the same tokenizer teaches', async () => {
    const teaching = { ...full, teacher: demoPath, loss: { alpha: 1 }, steps: 1 }
    const { result } = await runTraining(teaching, { out: at('taught') })
    // A copy of the student has nothing to teach it.
    expect(result.history.evaluations[0]!.terms.divergence).toBeLessThan(1e-6)
  })
})

/** The demo model with an embedding of more rows than its tokenizer has tokens. */
async function padVocabulary(path: string, rows: number): Promise<void> {
  const { decodeSafetensors, encodeSafetensors } = await import('@sinter/model')
  await cp(demoPath, path, { recursive: true })
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8'))
  await writeFile(join(path, 'config.json'), JSON.stringify({ ...config, vocab_size: rows }))
  const tensors = new Map(decodeSafetensors(await readFile(join(path, 'model.safetensors'))).tensors)
  for (const [name, tensor] of tensors) {
    if (tensor.shape[0] !== config.vocab_size || tensor.shape.length !== 2) continue
    const data = new Uint16Array(rows * tensor.shape[1]!)
    data.set(tensor.data as Uint16Array)
    tensors.set(name, { ...tensor, shape: [rows, tensor.shape[1]!], data } as typeof tensor)
  }
  await writeFile(join(path, 'model.safetensors'), encodeSafetensors(tensors))
}

describe('what the recipe asks of the model', () => {
  test.each(['qat', 'lsq', 'peqa'])('%s: groups that do not divide', async name => {
    const error = await refused({ method: { name, groupSize: 48 } })
    expect(error.message).toMatch(/proj.*groups of 48 columns do not divide 256; choose a divisor, or 0/)
    expect(exitCodeOf(error)).toBe(2)
  })

  test('targets that match nothing', async () => {
    const error = await refused({ method: { name: 'lora', targets: ['q_prj'] } })
    expect(error.message).toMatch(/targets q_prj match no layer; the model has .*self_attn\.q_proj/)
  })

  test('a block that is not there', async () => {
    expect((await refused({ method: { name: 'full', blocks: [4] } })).message).toMatch(
      /no block 4; the model has 0 … 3/,
    )
  })

  test('an adapter alone, of what is none', async () => {
    const error = await refused({ method: { name: 'full' }, output: { adapterOnly: true } })
    expect(error.message).toMatch(/adapterOnly: what full trains is not an adapter alone/)
  })

  test('a warm-up longer than the run', async () => {
    const schedule = { name: 'linear', warmup: 20 } as const
    expect((await refused({ schedule })).message).toMatch(/20 steps of warm-up do not fit into a run of 12/)
  })
})

describe('the place of the result', () => {
  test('exists', async () => {
    await mkdir(at('mine'))
    await writeFile(at('mine/file'), '')
    const failed = runTraining({}, { out: at('mine') })
    await expect(failed).rejects.toThrow(/mine: exists and is not empty/)
    expect(exitCodeOf(await failed.catch(error => error))).toBe(4)
    expect(existsSync(trainFolder(at('mine')))).toBe(false)
  })

  test('lies inside the model', async () => {
    await expect(runTraining({}, { out: join(demoPath, 'out') })).rejects.toThrow(/inside the input/)
  })

  test('is read-only', async () => {
    await withDisk('locked', 'size=1m,ro', async disk => {
      const failed = runTraining({}, { out: join(disk, 'out') })
      await expect(failed).rejects.toThrow(/the folder .*locked is read-only/)
      expect(exitCodeOf(await failed.catch(error => error))).toBe(4)
    })
  })

  test('has no room for checkpoints and result: said before any work', async () => {
    await withDisk('small', 'size=1m', async disk => {
      const error = await refusal(runTraining({}, { out: join(disk, 'out') }))
      expect(error.message).toMatch(/needs about .* MB of disk and .* are free/)
      expect(exitCodeOf(error)).toBe(4)
      expect(await readdir(disk)).toEqual([])
    })
  })

  test('becomes full at a checkpoint: the one before is good', async () => {
    await withDisk('full', 'size=24m', async disk => {
      const out = join(disk, 'out')
      const fill = join(disk, 'fill')
      const failed = runTraining({}, { out }, async event => {
        if (event.type !== 'saved' || event.step !== 6) return
        const { bavail, bsize } = await statfs(disk)
        await writeFile(fill, Buffer.alloc(bavail * bsize - 2 ** 17))
      })
      const error = await failed.catch(error => error)
      expect(error).toBeInstanceOf(FormatError)
      expect(error.message).toMatch(
        /step-0+\d+\.safetensors: the disk is full: the file needs \d+ bytes and \d+ are free/,
      )
      expect(exitCodeOf(error)).toBe(4)
      const kept = (await readdir(trainFolder(out))).filter(name => name.includes('step-'))
      expect(kept).toEqual([expect.stringMatching(/^step-0+\d+\.safetensors$/)])
      await rm(fill)
      const { result } = await runTraining({}, { out, resume: true })
      expect(result.losses).toHaveLength(12)
      await runTraining({}, { out: at('roomy') })
      expect(await bytesOf(out)).toEqual(await bytesOf(at('roomy')))
    })
  })
})

/** A file system of its own, where mounting is allowed. */
async function withDisk(name: string, options: string, work: (path: string) => Promise<void>): Promise<void> {
  const path = at(name)
  await mkdir(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    console.warn(`${name}: left out, mounting a small file system is not allowed here`)
    return
  }
  try {
    await work(path)
  } finally {
    execFileSync('umount', [path])
  }
}

describe('a run that is in the way', () => {
  const interrupted = async (out: string, over = {}) => {
    const controller = new AbortController()
    const stop = ({ type }: { type: string }) => type === 'saved' && controller.abort()
    await runTraining(over, { out, signal: controller.signal }, stop).catch(() => {})
  }

  test('unfinished, and nobody said to go on', async () => {
    await interrupted(at('left'))
    const failed = runTraining({}, { out: at('left') })
    await expect(failed).rejects.toThrow(/unfinished run is in .*left\.sinter-run; go on with --resume/)
    expect(await failed.catch(error => error)).toBeInstanceOf(RunError)
    // It is still there.
    expect((await readdir(trainFolder(at('left')))).some(name => name.startsWith('step-'))).toBe(true)
  })

  test.each([
    ['rate', { learningRate: 2e-3 }],
    ['method', { method: { name: 'lora', rank: 8 } }],
    ['seed', { seed: 1 }],
    ['data', { data: { path: sums, length: 32 } }],
  ])('of another recipe: %s', async (name, over) => {
    const out = at(`differs-${name}`)
    await interrupted(out)
    const failed = runTraining(over, { out, resume: true })
    await expect(failed).rejects.toThrow(/has another model, recipe, text or version; delete that folder/)
    expect(exitCodeOf(await failed.catch(error => error))).toBe(2)
    expect((await readdir(trainFolder(out))).some(name => name.startsWith('step-'))).toBe(true)
  })

  test('with a checkpoint that is damaged', async () => {
    const out = at('damaged')
    await interrupted(out)
    const folder = trainFolder(out)
    const [checkpoint] = (await readdir(folder)).filter(name => name.startsWith('step-'))
    const path = join(folder, checkpoint!)
    const bytes = readFileSync(path)
    await writeFile(path, bytes.subarray(0, bytes.length / 2))
    await expect(runTraining({}, { out, resume: true })).rejects.toThrow(/step-0+\d+\.safetensors/)
    // Names that are another model's.
    await writeFile(path, bytes.toString('latin1').replaceAll('lora_A', 'lora_X'), 'latin1')
    await expect(runTraining({}, { out, resume: true })).rejects.toThrow(
      /is no checkpoint of this run: .*lora_A.*is missing there; delete its folder to start over/,
    )
  })

  test('the format of the output may be another', async () => {
    const out = at('other-format')
    await interrupted(out)
    const { result } = await runTraining({ output: { format: 'hf:bf16' } }, { out, resume: true })
    expect(JSON.parse(await readFile(join(result.path, 'config.json'), 'utf8'))).toMatchObject({
      dtype: 'bfloat16',
    })
  })
})

test('a recipe that names no model', async () => {
  const { model: _, ...recipe } = recipeOf()
  const { trainModel } = await import('../src/index.ts')
  const run = trainModel(recipe, { out: at('never'), threads: 1 })
  await expect(run.next()).rejects.toThrow(/which model is trained/)
})
