/** Files behind addresses: a server of ours, honest and otherwise. */

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { f32, toF32 } from '@sinter/tensor-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { FormatError } from '../src/formats/format-error.ts'
import { writeGguf } from '../src/formats/gguf-convert.ts'
import { openCheckpoint } from '../src/formats/hf-directory.ts'
import { openRemoteCheckpoint, openTensors } from '../src/formats/remote.ts'
import { encodeSafetensors } from '../src/formats/safetensors.ts'
import { openUrl } from '../src/io/http.ts'
import { modelOf } from '../src/open-model.ts'
import { randomCheckpoint, tinyLlama } from '../src/testing/random-model.ts'
import { toyTokenizer } from '../src/testing/toy-tokenizer.ts'

/** What lies on the server, and how it answers for a path instead of answering honestly. */
const files = new Map<string, Uint8Array>()
type Answer = (request: IncomingMessage, response: ServerResponse, bytes: Uint8Array) => void
let answer: Answer | undefined
let sent = 0
let requests: string[] = []

const rangeOf = (request: IncomingMessage): [number, number] => {
  const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
  return [Number(match?.[1]), Number(match?.[2])]
}

const honest: Answer = (request, response, bytes) => {
  if (request.headers.range === undefined) return void response.end(bytes)
  const [from, to] = rangeOf(request)
  if (from >= bytes.length) return void response.writeHead(416).end()
  const part = bytes.subarray(from, to + 1)
  sent += part.length
  response.writeHead(206, { 'content-range': `bytes ${from}-${from + part.length - 1}/${bytes.length}` }).end(part)
}

let server: Server
let base = ''
let folder = ''
const config = { ...tinyLlama, vocab_size: 96 }
const checkpoint = { ...randomCheckpoint(config), tokenizerJson: toyTokenizer }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remote-'))
  server = createServer((request, response) => {
    requests.push(request.url!)
    const { pathname } = new URL(request.url!, 'http://x')
    const bytes = files.get(decodeURIComponent(pathname))
    if (!bytes) return void response.writeHead(404).end('no')
    ;(answer ?? honest)(request, response, bytes)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await writeGguf(join(folder, 'm.gguf'), checkpoint, { encoding: 'Q8_0', encodingOf: () => 'F32' })
  files.set('/m/model.gguf', await readFile(join(folder, 'm.gguf')))
  await writeGguf(join(folder, 'm.gguf'), checkpoint, { encoding: 'F32', shardBytes: 7000 })
  const parts = (await readdir(folder)).filter(name => name.includes('-of-'))
  for (const name of parts) files.set(`/parts/${name}`, await readFile(join(folder, name)))
  const tensors = new Map<string, ReturnType<typeof f32>>()
  for (const name of checkpoint.source.names()) tensors.set(name, toF32(await checkpoint.source.read(name)))
  files.set('/m/model.safetensors', encodeSafetensors(tensors))
  files.set('/m/config.json', new TextEncoder().encode(JSON.stringify(config)))
  files.set('/alone/model.safetensors', files.get('/m/model.safetensors')!)
  const [first, ...rest] = [...tensors]
  files.set('/two/a b.safetensors', encodeSafetensors(new Map([first!])))
  files.set('/two/c.safetensors', encodeSafetensors(new Map(rest)))
  const weightMap = Object.fromEntries(
    [...tensors.keys()].map((name, i) => [name, i === 0 ? 'a b.safetensors' : 'c.safetensors']),
  )
  files.set('/two/model.safetensors.index.json', new TextEncoder().encode(JSON.stringify({ weight_map: weightMap })))
})
afterAll(async () => {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
  await rm(folder, { recursive: true })
})
beforeEach(() => {
  answer = undefined
  sent = 0
  requests = []
})

describe('a model behind an address', () => {
  const places = ['/m/model.gguf', '/parts/', '/m/model.safetensors', '/m/model.gguf?download=true']
  it.each(places)('%s has the configuration and tensors of the file', async place => {
    const path = [...files.keys()].findLast(name => place === '/parts/' && name.startsWith(place)) ?? place
    const model = await modelOf(await openRemoteCheckpoint(base + path))
    expect(model.config.blocks).toBe(2)
    expect([...model.source.names()].sort()).toEqual([...checkpoint.source.names()].sort())
    const name = 'model.layers.1.self_attn.q_proj.weight'
    expect(model.source.info(name).shape).toEqual([16, 16])
    expect(toF32(await model.source.read(name))).toEqual(toF32(await checkpoint.source.read(name)))
    if (path.includes('gguf')) expect(model.tokenizer!.vocabSize).toBe(96)
    await model.close()
  })

  it('an index opens its files, whatever their names', async () => {
    const source = await openTensors(`${base}/two/model.safetensors.index.json`)
    expect([...source.names()].sort()).toEqual([...checkpoint.source.names()].sort())
    await source.close()
  })

  it('only what is asked for is fetched', async () => {
    const data = new Uint8Array(2 ** 21)
    const header = `{"a":{"dtype":"U8","shape":[${data.length}],"data_offsets":[0,${data.length}]}}`
    const bytes = new Uint8Array(8 + header.length + data.length)
    new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true)
    bytes.set(new TextEncoder().encode(header), 8)
    files.set('/large.safetensors', bytes)
    const source = await openTensors(`${base}/large.safetensors`)
    expect(sent).toBe(2 ** 16)
    expect(requests).toHaveLength(1)
    await source.readRows('a', 2 ** 20, 10)
    expect(sent).toBe(2 ** 16 + 10)
    await source.close()
  })

  it('a long header is fetched in growing pieces, none of it twice', async () => {
    const names = Array.from({ length: 4000 }, (_, i) => [`tensor ${i}`, f32([1], [i])] as const)
    files.set('/many.safetensors', encodeSafetensors(new Map(names)))
    const source = await openTensors(`${base}/many.safetensors`)
    expect(source.names()).toHaveLength(4000)
    expect(sent).toBeLessThan(files.get('/many.safetensors')!.length)
    await source.close()
  })

  it('redirects are followed', async () => {
    answer = (request, response, bytes) =>
      request.url!.includes('moved')
        ? honest(request, response, bytes)
        : void response.writeHead(302, { location: `${request.url}?moved` }).end()
    const source = await openTensors(`${base}/m/model.safetensors`)
    expect(source.has('model.norm.weight')).toBe(true)
    expect(requests).toEqual(['/m/model.safetensors', '/m/model.safetensors?moved'])
    await source.close()
  })

  it('is not run from there', async () => {
    await expect(openCheckpoint(`${base}/m/model.gguf`)).rejects.toThrow(
      'only `inspect` reads over the network: download the model first',
    )
  })
})

describe('what goes wrong is said', () => {
  const part =
    (size: string | number, from?: number): Answer =>
    (request, response, bytes) => {
      const [at, to] = rangeOf(request)
      const piece = bytes.subarray(at, to + 1)
      const range = `bytes ${from ?? at}-${at + piece.length - 1}/${size}`
      response.writeHead(206, { 'content-range': range }).end(piece)
    }
  it.each<[string, Answer, string, string]>([
    [
      'a server without ranges',
      (_, r, bytes) => void r.end(bytes),
      'unsupported',
      'it ignores ranges: download the file',
    ],
    ['no permission', (_, r) => void r.writeHead(401).end(), 'path', 'may not be read without an account (401)'],
    ['a broken server', (_, r) => void r.writeHead(500).end(), 'path', 'the server answered 500'],
    ['an empty file', (_, r) => void r.writeHead(416).end(), 'truncated', 'is empty'],
    ['a part without its place', (_, r) => void r.writeHead(206).end('x'), 'unsupported', 'expected a Content-Range'],
    ['a file of unknown size', part('*'), 'unsupported', 'with the file\'s size, got "bytes 0-'],
    ['another part than asked for', part(99999, 7), 'unsupported', 'expected a Content-Range from 0 on'],
    ['a size beyond all numbers', part('9'.repeat(30)), 'unsupported', 'expected a Content-Range'],
    [
      'less than promised',
      (_, r) => void r.writeHead(206, { 'content-range': 'bytes 0-99/100' }).end('abc'),
      'truncated',
      'asked for 100 bytes at 0, got 3',
    ],
    [
      'more than asked for',
      (_, r) => void r.writeHead(206, { 'content-range': 'bytes 0-9/10' }).end('a'.repeat(100_000)),
      'limit',
      'the server sends more than 10 bytes',
    ],
    [
      'a connection that breaks',
      (_, r) => {
        r.writeHead(206, { 'content-range': 'bytes 0-99/100', 'content-length': 100 })
        r.write('abc', () => r.destroy())
      },
      'path',
      'the connection broke',
    ],
    ['endless redirects', (q, r) => void r.writeHead(302, { location: q.url! }).end(), 'path', 'cannot be reached'],
  ])('%s', async (_, wrong, code, message) => {
    answer = wrong
    const opened = openUrl(`${base}/m/model.gguf`)
    await expect(opened).rejects.toThrow(message)
    expect(await opened.catch(error => error)).toMatchObject({ name: 'FormatError', code })
  })

  it('a file that changes while it is read', async () => {
    let count = 0
    answer = (request, response, bytes) => part(bytes.length + count++)(request, response, bytes)
    files.set('/changing', new Uint8Array(2 ** 17))
    const file = await openUrl(`${base}/changing`)
    await expect(file.read(2 ** 16, 100)).rejects.toThrow('it changed while it was read')
  })

  it('more than headers', async () => {
    answer = (request, response) => {
      const [from, to] = rangeOf(request)
      const range = { 'content-range': `bytes ${from}-${to}/${2 ** 40}` }
      response.writeHead(206, range).end(new Uint8Array(to - from + 1))
    }
    const file = await openUrl(`${base}/m/model.gguf`)
    expect(file.size).toBe(2 ** 40)
    await expect(file.read(0, 2 ** 30)).rejects.toThrow('headers are read over the network, at most 536870912 bytes')
    await expect(file.read(2 ** 40 - 5, 6)).rejects.toThrow('but the file ends at')
  })

  it('nothing there, nobody there, and no configuration', async () => {
    await expect(openUrl(`${base}/nothing`)).rejects.toThrow(`${base}/nothing: there is no such file (404)`)
    await expect(openUrl('http://127.0.0.1:1/x.gguf')).rejects.toThrow('cannot be reached (')
    const lacking = openRemoteCheckpoint(`${base}/alone/model.safetensors`)
    await expect(lacking).rejects.toThrow(`${base}/alone/config.json: there is no such file (404)`)
    await expect(openRemoteCheckpoint(`${base}/m/config.json`)).rejects.toThrow('expected a .gguf, a .safetensors')
    await expect(openTensors(`${base}/m/config.json`)).rejects.toThrow(FormatError)
  })

  it('a hostile header is refused as in a file', async () => {
    const bytes = Uint8Array.from(files.get('/m/model.gguf')!)
    new DataView(bytes.buffer).setBigUint64(8, 2n ** 50n, true)
    files.set('/hostile.gguf', bytes)
    await expect(openTensors(`${base}/hostile.gguf`)).rejects.toThrow('at most 65536 are read')
  })
})
