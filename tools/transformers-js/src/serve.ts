import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

export interface Served {
  readonly url: string
  close(): void
}

/**
 * Serves folders under paths of their own, `{ '/ort/': '…/dist' }`, and an empty page at `/`. The headers let a page have threads:
 * memory that they share is for pages that are isolated.
 */
export function serve(folders: Readonly<Record<string, string>>): Promise<Served> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname)
    const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }
    if (path === '/') {
      response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end('<!doctype html><title>sinter</title>')
      return
    }
    const prefix = Object.keys(folders).find(candidate => path.startsWith(candidate))
    const file = prefix && join(folders[prefix]!, normalize(`/${path.slice(prefix.length)}`))
    const info = file ? statSync(file, { throwIfNoEntry: false }) : undefined
    if (!file || !info?.isFile()) {
      response.writeHead(404, headers).end()
      return
    }
    const type = types[extname(file)] ?? 'application/octet-stream'
    response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': info.size })
    createReadStream(file).pipe(response)
  })
  return new Promise(resolve =>
    server.listen(0, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
        close: () => {
          server.close()
          server.closeAllConnections()
        },
      }),
    ),
  )
}
