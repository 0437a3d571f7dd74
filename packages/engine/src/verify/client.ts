import type { Model } from '@sinter/model'

/** What a client is asked about a result. */
export interface Question {
  /** The result: a file or a folder. */
  readonly path: string
  /** Tokens whose logits are wanted. */
  readonly ids: readonly number[]
  /** Tokens to continue, most likely first. */
  readonly prompt: readonly number[]
  readonly greedy: number
  /** To be tokenized, without special tokens around it. */
  readonly text: string | undefined
  readonly vocabulary: number
  /** The Python to run, where a client is one. */
  readonly python: string | undefined
}

export interface Answer {
  /** f32 `[tokens, vocabulary]`, flat. */
  readonly logits: Float32Array
  readonly greedy: readonly number[]
  /** Absent for clients that have no tokenizer of their own. */
  readonly tokenized?: readonly number[]
}

/** What may differ without anything being wrong. */
export interface Expectation {
  /** The largest difference of a logit, in standard deviations of the logits. */
  readonly tolerance: number
  /** Why there is any, for people. */
  readonly causes: readonly string[]
}

/** A runtime that results are made for: one file, and one row of the table in `clients.ts`. */
export interface Client {
  readonly name: string
  /** Whether it is the one for such a result. */
  readonly opens: (path: string) => Promise<boolean>
  /** @throws SinterError `client-missing`, `client-refused` */
  readonly ask: (question: Question) => Promise<Answer>
  /** @param model what Sinter computes with */
  readonly expects: (model: Model, path: string) => Promise<Expectation>
}
