import { basename, dirname } from 'node:path'
import { AutoModelForCausalLM, AutoTokenizer, env, type Tensor } from '@huggingface/transformers'

export interface RunOptions {
  readonly tokens: number
  readonly dtype: 'q4' | 'q8' | 'int8' | 'q2' | 'fp16' | 'fp32'
}

export interface Generated {
  /** New tokens. */
  readonly ids: readonly number[]
  /** New tokens after the first, a second. */
  readonly tokensPerSecond: number
  /** The same for a second of processor time, where it is known: others at work on the machine do not change it. */
  readonly tokensPerProcessorSecond?: number
}

/** Takes down when tokens come. */
export function stopwatch(): { tick(): void; rates(skip: number): Omit<Generated, 'ids'> } {
  const times: number[] = []
  const spent: number[] = []
  return {
    tick() {
      const { user, system } = process.cpuUsage()
      times.push(performance.now())
      spent.push((user + system) / 1000)
    },
    rates(skip) {
      const count = times.length - 1 - skip
      const rate = (values: readonly number[]) => (count * 1000) / (values.at(-1)! - values[skip]!)
      return { tokensPerSecond: rate(times), tokensPerProcessorSecond: rate(spent) }
    },
  }
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
  const model = await AutoModelForCausalLM.from_pretrained(name, {
    dtype,
    device: 'cpu',
    session_options: { intraOpNumThreads: 1 },
  })
  try {
    const inputs = tokenizer(prompt)
    const given = inputs.input_ids.dims.at(-1) as number
    const watch = stopwatch()
    const streamer = { put: () => watch.tick(), end: () => {} }
    const options = { ...inputs, max_new_tokens: tokens, do_sample: false, eos_token_id: [], streamer }
    const output = (await model.generate(options as never)) as Tensor
    const ids = Array.from(output.data as BigInt64Array, Number).slice(given)
    // The streamer is given the prompt first, then every token.
    return { ids, ...watch.rates(1) }
  } finally {
    await model.dispose()
  }
}
