import type { Target } from '../src/target.ts'

const target = (name: string, read: () => string): Target => ({
  name,
  seeds: [{ bytes: Uint8Array.of(1, 2, 3) }],
  read: async () => read(),
})

const kept: unknown[] = []

/** Readers with every fault that the guard looks for. */
export const makeTargets = async (): Promise<readonly Target[]> => [
  target('sound', () => 'accepted'),
  target('crashing', () => {
    throw new TypeError('crashed')
  }),
  target('greedy', () => {
    kept[0] = new Uint8Array(100 * 2 ** 20)
    return 'accepted'
  }),
  target('endless', () => {
    for (;;);
  }),
  target('dying', () => process.exit(3)),
]
