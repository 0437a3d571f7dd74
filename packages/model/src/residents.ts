import type { Backend, Resident, Tensor } from '@sinter/tensor-core'

/** Hands tensors over to the backend; their buffers are moved. */
export async function uploadAll(
  backend: Backend,
  tensors: ReadonlyMap<string, Tensor>,
): Promise<Record<string, Resident>> {
  const residents: Record<string, Resident> = {}
  for (const [name, tensor] of tensors) residents[name] = await backend.upload(tensor, { move: true })
  return residents
}

export function releaseAll(residents: Readonly<Record<string, Resident>>): void {
  for (const resident of Object.values(residents)) resident.release()
}
