import { f32, graph, input, linear, ortNodeBackend, type Resident } from '@sinter/tensor-core'

/** GFLOP/s of f32 products x·Wᵀ `2048×576 · (1536×576)ᵀ` on ONNX Runtime, sustained over a second or two: the machine's rate now. */
export async function gemmRate(threads: number): Promise<number> {
  const backend = ortNodeBackend({ threads })
  const [rows, inner, out] = [2048, 576, 1536]
  const x = await backend.upload(f32([rows, inner], new Float32Array(rows * inner).fill(0.5)))
  const w = await backend.upload(f32([out, inner], new Float32Array(out * inner).fill(0.25)))
  const program = await backend.compile(
    graph({ y: linear(input('x', 'f32', ['n', inner]), input('w', 'f32', [out, inner])) }),
  )
  const runs = 100
  const once = async () => ((await program.run({ x, w }, { keep: ['y'] })).y as Resident).release()
  await once()
  const started = performance.now()
  for (let i = 0; i < runs; i++) await once()
  const milliseconds = (performance.now() - started) / runs
  await backend.close()
  return (2 * rows * inner * out) / milliseconds / 1e6
}
