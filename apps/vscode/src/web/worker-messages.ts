/** What the extension and its worker say to one another. JSON-RPC travels as text, files as bytes. */
export type ToWorker =
  | { readonly type: 'start'; readonly wasm: Uint8Array<ArrayBuffer> }
  | { readonly type: 'rpc'; readonly text: string }
  | { readonly type: 'file'; readonly id: number; readonly value?: unknown; readonly error?: FileProblem }

export type FromWorker =
  | { readonly type: 'rpc'; readonly text: string }
  | { readonly type: 'file'; readonly id: number; readonly request: FileRequest }

export type FileRequest =
  | { readonly kind: 'stat' | 'names' | 'read'; readonly path: string }
  | { readonly kind: 'write'; readonly path: string; readonly bytes: Uint8Array }

export interface FileProblem {
  readonly code: string
  readonly message: string
}
