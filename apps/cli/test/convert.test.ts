import { existsSync } from 'node:fs'
import { openModel } from '@sinter/model'
import { describe, expect, test } from 'vitest'
import { demoModel, sinter, sinterJson, workplace } from './helpers/sinter.ts'

const { path, calibration } = workplace()

interface Converted {
  readonly to: string
  readonly tensorBytes: number
  readonly outputBytes?: number
  readonly losses: readonly string[]
  readonly tensors: readonly {
    readonly tensor: string
    readonly to: string
    readonly bytes: number
    readonly kept?: true
  }[]
}

describe('convert', () => {
  test('--dry-run shows every tensor with type and bytes, and writes nothing', async () => {
    const { code, stdout } = await sinter('convert', demoModel, '--to', 'gguf:Q4_K_M', '--dry-run')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^blk\.3\.ffn_down\.weight +1 +256 × 768 +BF16 +Q6_K +161 kB/m)
    expect(stdout).toContain('not exact')
    const json = await sinterJson<Converted>('convert', demoModel, '--to', 'gguf:Q4_K_M', '--dry-run')
    expect(json.to).toBe('gguf:Q4_K_M')
    expect(json.tensors).toHaveLength(38)
    expect(json.outputBytes).toBeUndefined()
  })

  test('writes what it said', async () => {
    const json = await sinterJson<Converted>('convert', demoModel, '--to', 'gguf:Q8_0', '--out', path('q8.gguf'))
    expect(json.outputBytes).toBeGreaterThan(json.tensorBytes)
    const found = await sinterJson<{ tensorBytes: number }>('inspect', path('q8.gguf'))
    expect(found.tensorBytes).toBe(json.tensorBytes)
  })

  test('in files of a size that is given, which any of them opens', async () => {
    const to = ['--to', 'gguf:Q8_0', '--shard-size', '1e6', '--out', path('shards.gguf')]
    const json = await sinterJson<Converted & { path: string }>('convert', demoModel, ...to)
    expect(json.path).toMatch(/shards-00001-of-00005\.gguf$/)
    const [whole, parts] = [await openModel(path('q8.gguf')), await openModel(json.path.replace('00001', '00003'))]
    expect(parts.source.names()).toEqual(whole.source.names())
    const name = 'model.layers.3.mlp.down_proj.weight'
    expect(await parts.source.read(name)).toEqual(await whole.source.read(name))
    await Promise.all([whole.close(), parts.close()])
    const { code, stderr } = await sinter('convert', demoModel, '--to', 'hf', '--shard-size', '5', '--out', path('no'))
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringMatching(/are for gguf; hf chooses its own/)])
  })

  test('from a GGUF to a folder, saying that nothing is lost', async () => {
    const { code, stdout } = await sinter('convert', path('q8.gguf'), '--to', 'hf:f32', '--out', path('dense'))
    expect(code).toBe(0)
    expect(stdout).toContain('nothing: every number is kept as it is')
    expect(existsSync(path('dense/model.safetensors'))).toBe(true)
  })

  test('codes and scales of a compressed folder move into containers that can hold them', async () => {
    const gptq = path('gptq')
    await sinterJson(
      ...['compress', demoModel, '--method', 'rtn', '--format', 'gptq:v1', '--bits', '4', '--group-size', '32'],
      ...['--no-report', '--out', gptq],
    )
    for (const [to, out, exact] of [
      ['compressed-tensors:pack-quantized', path('packed'), 28],
      ['awq:gemm', path('awq'), 28],
      ['gguf:Q4_0', path('same-codes.gguf'), 28],
      ['gguf:Q8_0', path('other-codes.gguf'), 0],
    ] as const) {
      const json = await sinterJson<Converted>('convert', gptq, '--to', to, '--out', out)
      expect(json.tensors.filter(row => row.kept)).toHaveLength(exact)
      if (exact === 0) expect(json.losses.join()).toContain('rounded a second time')
      const [a, b] = [await openModel(gptq), await openModel(out)]
      let differing = 0
      for (let block = 0; block < 4; block++) {
        const [x, y] = [await a.readBlock(block), await b.readBlock(block)]
        for (const { name } of a.blockGraph(block).linears)
          if (x.get(`${name}.weight`)!.data.some((value, i) => value !== y.get(`${name}.weight`)!.data[i])) differing++
      }
      expect(differing, to).toBe(28 - exact)
      await a.close()
      await b.close()
    }
  })

  test('with the importance that imatrix collects', async () => {
    const size = ['--samples', '2', '--length', '32']
    const made = await sinterJson('imatrix', demoModel, '--text', calibration, ...size, '--out', path('i.gguf'))
    expect(made).toMatchObject({ entries: 28, tokens: 64 })
    const again = await sinter('imatrix', demoModel, '--text', calibration, ...size, '--out', path('i.gguf'))
    expect(again).toMatchObject({ code: 4, stderr: expect.stringContaining('exists') })
    const out = path('iq2.gguf')
    const json = await sinterJson<Converted>(
      ...['convert', demoModel, '--to', 'gguf:IQ2_XS', '--imatrix', path('i.gguf'), '--out', out],
    )
    expect(json.tensors.filter(({ to }) => to === 'IQ2_XS').length).toBeGreaterThan(10)
  })

  test.each([
    ['neither --out nor --dry-run', ['--to', 'gguf:Q8_0'], 2, 'expected --out PATH'],
    ['an unknown mix', ['--to', 'gguf:Q4_K_Q', '--dry-run'], 2, 'unknown type of gguf "Q4_K_Q"'],
    ['importance that is missing', ['--to', 'gguf:IQ1_S', '--dry-run'], 2, 'Make it with sinter imatrix'],
    ['importance where there is no use for it', ['--to', 'hf', '--imatrix', 'x'], 2, 'is for gguf mixes'],
    ['a place that is taken', ['--to', 'gguf:Q8_0', '--out', path('q8.gguf')], 4, 'exists'],
  ])('%s', async (_, args, code, message) => {
    const run = await sinter('convert', demoModel, ...args)
    expect(run.code).toBe(code)
    expect(run.stderr).toContain(message)
  })
})
