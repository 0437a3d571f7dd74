import type { Generated } from './node-run.ts'

/** The same greedy continuation by llama.cpp on the processor. */
export async function llamaCppRate(path: string, prompt: string, tokens: number): Promise<Generated> {
  const { getLlama } = await import('node-llama-cpp')
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, maxThreads: 2 })
  const model = await llama.loadModel({ modelPath: path })
  const context = await model.createContext({ contextSize: 512, threads: 2 })
  try {
    const sequence = context.getSequence()
    const given = model.tokenize(prompt)
    const ids: number[] = []
    const times: number[] = []
    for await (const id of sequence.evaluate(given, { temperature: 0 })) {
      ids.push(id)
      times.push(performance.now())
      if (ids.length === tokens) break
    }
    return { ids, tokensPerSecond: ((ids.length - 1) * 1000) / (times.at(-1)! - times[0]!) }
  } finally {
    await context.dispose()
    await model.dispose()
    await llama.dispose()
  }
}
