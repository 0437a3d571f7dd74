import { FormatError } from '../formats/format-error.ts'
import type { RandomAccessFile } from './file.ts'

/** The first request: most safetensors headers, and enough of a GGUF to say what it is. */
const FIRST_BYTES = 2 ** 16
/** Bytes of one request: a slow line has time for it, and a server that sends more is noticed early. */
const REQUEST_BYTES = 8 * 2 ** 20
/** Longest a request may take. */
const REQUEST_MILLISECONDS = 60_000
/** What is fetched of one file at most. Headers may have 256 MiB; whoever needs more needs the file. */
const MAX_FETCHED_BYTES = 512 * 2 ** 20

export const isUrl = (path: string): boolean => /^https?:\/\//i.test(path)

/** The address of a file beside another. @param name a bare file name */
export const besideUrl = (url: string, name: string): string => new URL(encodeURIComponent(name), url).href

/**
 * A file behind an http(s) address, read by range requests; redirects are followed. Bytes from the start on are kept, because
 * headers are read in growing pieces.
 * @throws FormatError `missing` on 404, `unsupported` when the server sends whole files only, `path` when it cannot be reached or
 *   refuses, `limit` when more than headers is asked for, `schema` when the file changed meanwhile
 */
export async function openUrl(url: string): Promise<RandomAccessFile> {
  const first = await fetchRange(url, 0, FIRST_BYTES)
  const { size } = first
  let prefix = first.bytes
  let fetched = prefix.length
  const fetchAll = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    fetched += length
    if (fetched > MAX_FETCHED_BYTES)
      throw new FormatError(
        'limit',
        `${url}: headers are read over the network, at most ${MAX_FETCHED_BYTES} bytes: download the file and open that`,
      )
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const piece = await fetchRange(url, offset + done, Math.min(REQUEST_BYTES, length - done), size)
      bytes.set(piece.bytes, done)
      done += piece.bytes.length
    }
    return bytes
  }
  const read = async (offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> => {
    const end = offset + length
    if (end > size)
      throw new FormatError('truncated', `${url}: expected bytes ${offset} … ${end}, but the file ends at ${size}`)
    if (offset > prefix.length) return fetchAll(offset, length)
    if (end > prefix.length) prefix = joined(prefix, await fetchAll(prefix.length, end - prefix.length))
    return prefix.slice(offset, end)
  }
  return {
    path: url,
    size,
    read: async (offset, length, into) => {
      const bytes = await read(offset, length)
      into?.set(bytes)
      return into ?? bytes
    },
    close: async () => {},
  }
}

/**
 * A small file behind an address, whole; undefined when there is none.
 * @throws FormatError `limit` when it is longer than `most`, `path` as `openUrl` does
 */
export async function fetchSmall(url: string, most: number): Promise<Uint8Array | undefined> {
  const response = await request(url, {})
  if (response.ok) return readBody(url, response, most)
  await response.body?.cancel()
  if (response.status === 404) return undefined
  throw refused(url, response.status)
}

interface Range {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Of the whole file. */
  readonly size: number
}

/** @param knownSize of the whole file, as an earlier answer had it */
async function fetchRange(url: string, offset: number, length: number, knownSize?: number): Promise<Range> {
  const response = await request(url, { range: `bytes=${offset}-${offset + length - 1}` })
  if (response.status !== 206) {
    await response.body?.cancel()
    throw refused(url, response.status)
  }
  const size = sizeOf(url, response, offset)
  if (knownSize !== undefined && size !== knownSize) {
    await response.body?.cancel()
    throw new FormatError('schema', `${url}: had ${knownSize} bytes and now has ${size}: it changed while it was read`)
  }
  const expected = Math.min(length, size - offset)
  const bytes = await readBody(url, response, expected)
  if (bytes.length === expected) return { bytes, size }
  throw new FormatError('truncated', `${url}: asked for ${expected} bytes at ${offset}, got ${bytes.length}`)
}

function sizeOf(url: string, response: Response, offset: number): number {
  const header = response.headers.get('content-range') ?? ''
  const match = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(header)
  if (match && Number(match[1]) === offset && Number(match[2]) > offset) return Number(match[2])
  throw new FormatError(
    'unsupported',
    `${url}: expected a Content-Range from ${offset} on with the file's size, got ${JSON.stringify(header.slice(0, 80))}`,
  )
}

async function request(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  let response: Response
  try {
    // A compressed answer would have another length than the range.
    const all = { 'accept-encoding': 'identity', ...headers }
    response = await fetch(url, { headers: all, signal: AbortSignal.timeout(REQUEST_MILLISECONDS) })
  } catch (cause) {
    throw new FormatError('path', `${url}: cannot be reached (${reasonOf(cause)})`, { cause })
  }
  if (!url.startsWith('https:') || response.url.startsWith('https:')) return response
  await response.body?.cancel()
  throw new FormatError('path', `${url}: is redirected to ${new URL(response.url).host} without encryption`)
}

const reasonOf = (error: unknown): string => {
  const { cause, name, message } = error as Error & { readonly cause?: { readonly code?: string } }
  return cause?.code ?? (name === 'TimeoutError' ? `no answer in ${REQUEST_MILLISECONDS / 1000} s` : message)
}

function refused(url: string, status: number): FormatError {
  switch (status) {
    case 200:
      return new FormatError(
        'unsupported',
        `${url}: the server sends the whole file only, it ignores ranges: download the file and open that`,
      )
    case 404:
    case 410:
      return new FormatError('missing', `${url}: there is no such file (${status})`)
    case 401:
    case 403:
      return new FormatError(
        'path',
        `${url}: may not be read without an account (${status}): download it and open that`,
      )
    case 416:
      return new FormatError('truncated', `${url}: is empty, or shorter than it was (416)`)
    default:
      return new FormatError('path', `${url}: the server answered ${status}`)
  }
}

/** @throws FormatError `limit` as soon as there is more than `most` */
async function readBody(url: string, response: Response, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const part of response.body ?? []) {
      length += part.length
      if (length > most) throw new FormatError('limit', `${url}: the server sends more than ${most} bytes`)
      parts.push(part)
    }
  } catch (cause) {
    if (cause instanceof FormatError) throw cause
    throw new FormatError('path', `${url}: the connection broke (${reasonOf(cause)})`, { cause })
  }
  return joined(...parts)
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}
