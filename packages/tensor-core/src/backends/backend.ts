import type { DType } from '../dtype.ts'
import type { Graph } from '../graph/graph.ts'
import type { Tensor } from '../tensor.ts'

/** A tensor that stays with the backend (in its worker, on its device) between runs. */
export interface Resident {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Copies the data out. */
  read(): Promise<Tensor>
  /** Moves the data out and gives the resident up: `read` and `release` without a copy. */
  take(): Promise<Tensor>
  /** Gives the memory back. Using it afterwards is an error. */
  release(): void
}

export type Argument = Tensor | Resident

export interface RunOptions {
  /** Outputs that stay with the backend and come back as Residents. */
  readonly keep?: readonly string[]
}

/** A compiled Graph. Outputs not named in the options come back as Tensors. */
export interface Program {
  run(inputs: Readonly<Record<string, Argument>>, options?: RunOptions): Promise<Record<string, Argument>>
  close(): Promise<void>
}

/** Compiles Graphs and runs them. */
export interface Backend {
  readonly name: string
  compile(graph: Graph): Promise<Program>
  /** Hands a tensor over. Its buffer is moved, not copied, when `move` is set: the caller must not touch it again. */
  upload(tensor: Tensor, options?: { readonly move?: boolean }): Promise<Resident>
  close(): Promise<void>
}

export const isResident = (value: Argument): value is Resident => 'release' in value

/** The result as a tensor, wherever it lives. */
export const toTensor = (value: Argument): Promise<Tensor> =>
  isResident(value) ? value.read() : Promise.resolve(value)
