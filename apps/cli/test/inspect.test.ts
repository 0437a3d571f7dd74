import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { demoModel, sinter, sinterJson, workplace } from './helpers/sinter.ts'

const { path } = workplace()

/** A server that knows ranges and one file. */
let server: Server
let base = ''
const served = new Map<string, Uint8Array>()
beforeAll(async () => {
  served.set('/model.safetensors', readFileSync(join(demoModel, 'model.safetensors')))
  server = createServer((request, response) => {
    const bytes = served.get(request.url!)
    if (!bytes) return void response.writeHead(404).end()
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    if (!match) return void response.end(bytes)
    const part = bytes.subarray(Number(match[1]), Number(match[2]) + 1)
    const range = `bytes ${match[1]}-${Number(match[1]) + part.length - 1}/${bytes.length}`
    response.writeHead(206, { 'content-range': range }).end(part)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
})

type Inspected = { readonly tensors: unknown; readonly family?: string; readonly problem?: string }

describe('sinter inspect', () => {
  test('of an address tells of the tensors; with the config.json beside it, of the model', async () => {
    const here = await sinterJson<Inspected>('inspect', demoModel)
    const alone = await sinterJson<Inspected>('inspect', `${base}/model.safetensors`)
    expect(alone.tensors).toEqual(here.tensors)
    expect(alone).not.toHaveProperty('family')
    expect(alone.problem).toBe(`${base}/config.json: there is no such file (404)`)
    served.set('/config.json', readFileSync(join(demoModel, 'config.json')))
    const { tokenizer: _, path: __, ...model } = here as Inspected & { tokenizer: unknown; path: string }
    expect(await sinterJson<Inspected>('inspect', `${base}/model.safetensors`)).toMatchObject(model)
    const { stdout } = await sinter('inspect', `${base}/model.safetensors`)
    expect(stdout).toMatch(/tokenizer\s+not fetched/)
  })

  test('of an address where nothing is', async () => {
    const { code, stderr } = await sinter('inspect', `${base}/nothing.gguf`)
    expect(stderr).toContain(`${base}/nothing.gguf: there is no such file (404)`)
    expect(code).toBe(3)
  })

  test('of a family that does not run here still tells of the tensors', async () => {
    const bytes = readFileSync(join(demoModel, 'model.safetensors'))
    writeFileSync(path('strange.safetensors'), bytes)
    writeFileSync(path('config.json'), JSON.stringify({ model_type: 'martian' }))
    const { code, stdout } = await sinter('inspect', path('strange.safetensors'))
    expect(stdout).toMatch(/model\s+not known: config\.json: model_type "martian" is no known family/)
    expect(stdout).toMatch(/model\.layers\.\*\.mlp\.up_proj\.weight/)
    expect(code).toBe(0)
  })
})
