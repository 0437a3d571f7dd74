import { basename, dirname } from 'node:path'
import { AutoModelForCausalLM, AutoTokenizer, env, type Tensor } from '@huggingface/transformers'

export interface RunOptions {
  readonly tokens: number
  readonly dtype: 'q4' | 'q8' | 'q2' | 'fp16' | 'fp32'
}

export interface Generated {
  /** New tokens. */
  readonly ids: readonly number[]
  /** New tokens after the first, a second. */
  readonly tokensPerSecond: number
}

/** Greedy continuation of a prompt by transformers.js in Node, from a folder of ours. */
export async function generateInNode(
  folder: string,
  prompt: string,
  { tokens, dtype }: RunOptions,
): Promise<Generated> {
  env.allowRemoteModels = false
  env.localModelPath = dirname(folder)
  const name = basename(folder)
  const tokenizer = await AutoTokenizer.from_pretrained(name)
  const model = await AutoModelForCausalLM.from_pretrained(name, { dtype, device: 'cpu' })
  try {
    const inputs = tokenizer(prompt, { add_special_tokens: false })
    const given = inputs.input_ids.dims.at(-1) as number
    const times: number[] = []
    // It is given the prompt first, then every token.
    const streamer = { put: () => void times.push(performance.now()), end: () => {} }
    const options = { ...inputs, max_new_tokens: tokens, do_sample: false, eos_token_id: [], streamer }
    const output = (await model.generate(options as never)) as Tensor
    const ids = Array.from(output.data as BigInt64Array, Number).slice(given)
    return { ids, tokensPerSecond: ((ids.length - 1) * 1000) / (times.at(-1)! - times[1]!) }
  } finally {
    await model.dispose()
  }
}
