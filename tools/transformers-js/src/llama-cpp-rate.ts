import type { Token } from 'node-llama-cpp'
import { type Generated, stopwatch } from './node-run.ts'

/** The same greedy continuation by llama.cpp, on one thread of the processor. */
export async function llamaCppRate(path: string, given: readonly number[], tokens: number): Promise<Generated> {
  const { getLlama } = await import('node-llama-cpp')
  const llama = await getLlama({ gpu: false, build: 'never', skipDownload: true, progressLogs: false, maxThreads: 1 })
  const model = await llama.loadModel({ modelPath: path })
  const context = await model.createContext({ contextSize: 512, threads: 1 })
  try {
    const sequence = context.getSequence()
    const ids: number[] = []
    const watch = stopwatch()
    for await (const id of sequence.evaluate([...given] as Token[], { temperature: 0 })) {
      ids.push(id)
      watch.tick()
      if (ids.length === tokens) break
    }
    return { ids, ...watch.rates(0) }
  } finally {
    await context.dispose()
    await model.dispose()
    await llama.dispose()
  }
}
