import { availableParallelism } from 'node:os'
import type { Backend } from '@sinter/tensor-core'
import type { ComputeFlags } from './flags.ts'

/** Runs a job with the backend that the flags name, and closes it. */
export async function withBackend<T>(flags: ComputeFlags, job: (backend: Backend) => Promise<T>): Promise<T> {
  const { ortNodeBackend, referenceBackend } = await import('@sinter/tensor-core')
  const threads = flags.threads ?? availableParallelism()
  const backend = flags.backend === 'reference' ? referenceBackend() : ortNodeBackend({ threads })
  try {
    return await job(backend)
  } finally {
    await backend.close()
  }
}
