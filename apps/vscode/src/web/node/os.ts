import { MAX_STORED_BYTES } from '../files/memory-files.ts'

/** One thread: memory that several share takes a page that is isolated, which editors on the web are not. */
export const availableParallelism = (): number => 1
export const tmpdir = (): string => '/tmp'
export const arch = (): string => 'wasm'
export const platform = (): string => 'web'
export const cpus = (): { model: string }[] => [{ model: 'a browser' }]
export const totalmem = (): number => MAX_STORED_BYTES
