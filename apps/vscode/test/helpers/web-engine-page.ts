import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { buildWebEngine } from '../../build/web.ts'

/** A page with the packed engine in a worker, and files in its memory for a workspace. */
export interface WebEnginePage {
  readonly page: Page
  /** Hosts that were asked for anything but this machine. */
  readonly strangers: ReadonlySet<string>
  put(path: string, bytes: Uint8Array): Promise<void>
  get(path: string): Promise<Buffer>
  request(method: string, params: unknown): Promise<unknown>
  close(): Promise<void>
}

/** The host's part, as small as can be: it answers for files and numbers requests. */
const script = `
const files = new Map(), waiting = new Map()
let ids = 1
const source = await (await fetch('/engine.js')).text()
const worker = new Worker(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })))
const isFolder = path => [...files.keys()].some(name => name.startsWith(path + '/'))
const answers = {
  stat: ({ path }) => files.has(path)
    ? { kind: 'file', size: files.get(path).length, modified: 1 }
    : isFolder(path) ? { kind: 'folder', size: 0, modified: 1 } : undefined,
  names: ({ path }) => [...new Set([...files.keys()].filter(name => name.startsWith(path + '/'))
    .map(name => name.slice(path.length + 1).split('/')[0]))],
  read: ({ path }) => files.get(path).slice(),
  write: ({ path, bytes }) => void files.set(path, bytes),
}
worker.onerror = event => { document.title = event.message }
worker.onmessage = ({ data }) => {
  if (data.type === 'file')
    return worker.postMessage({ type: 'file', id: data.id, value: answers[data.request.kind](data.request) })
  for (const line of data.text.trim().split('\\n')) {
    const { id, result, error } = JSON.parse(line)
    if (error) waiting.get(id)?.reject(new Error(error.message))
    else waiting.get(id)?.resolve(result)
  }
}
worker.postMessage({ type: 'start', wasm: new Uint8Array(await (await fetch('/ort.wasm')).arrayBuffer()) })
globalThis.ask = (method, params) => new Promise((resolve, reject) => {
  const id = ids++
  waiting.set(id, { resolve, reject })
  worker.postMessage({ type: 'rpc', text: JSON.stringify({ jsonrpc: '2.0', id, method, params }) + '\\n' })
})
globalThis.put = (path, text) => void files.set(path, Uint8Array.from(atob(text), c => c.charCodeAt(0)))
globalThis.get = path => new Promise(resolve => {
  const reader = new FileReader()
  reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1))
  reader.readAsDataURL(new Blob([files.get(path)]))
})
document.title = 'ready'
`

export async function openWebEngine(executablePath: string): Promise<WebEnginePage> {
  const folder = mkdtempSync(join(tmpdir(), 'sinter-web-'))
  await buildWebEngine({ production: true, dist: folder })
  const server = await serveFiles(folder)
  const context = await chromium.launchPersistentContext(join(folder, 'profile'), {
    executablePath,
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  })
  const page = await context.newPage()
  const strangers = strangersOf(context)
  page.on('console', message => message.type() === 'error' && console.error(message.text()))
  await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`)
  await page.waitForFunction(() => document.title !== '')
  if ((await page.title()) !== 'ready') throw new Error(await page.title())
  return {
    page,
    strangers,
    put: (path, bytes) =>
      page.evaluate(`put(${JSON.stringify(path)}, ${JSON.stringify(Buffer.from(bytes).toString('base64'))})`),
    get: async path => Buffer.from((await page.evaluate(`get(${JSON.stringify(path)})`)) as string, 'base64'),
    request: (method, params) => page.evaluate(`ask(${JSON.stringify(method)}, ${JSON.stringify(params)})`),
    async close() {
      await context.close()
      server.close()
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

function strangersOf(context: BrowserContext): Set<string> {
  const strangers = new Set<string>()
  context.on('request', request => {
    const { protocol, hostname } = new URL(request.url())
    if (protocol.startsWith('http') && hostname !== 'localhost') strangers.add(hostname)
  })
  return strangers
}

async function serveFiles(folder: string): Promise<Server> {
  const pages: Record<string, () => [type: string, content: string | Buffer]> = {
    '/': () => ['text/html', `<!DOCTYPE html><title></title><script type="module">${script}</script>`],
    '/engine.js': () => ['text/javascript', readFileSync(join(folder, 'web/engine.js'))],
    '/ort.wasm': () => ['application/wasm', readFileSync(join(folder, 'web/ort.wasm'))],
  }
  const server = createServer((request, response) => {
    const found = pages[request.url ?? '']?.()
    if (!found) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': found[0] }).end(found[1])
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return server
}
