import type { Pattern } from '@sinter/tensor-core'
import { z } from 'zod'

/** Options that every pruning method has. */
export const pruneFields: {
  readonly sparsity: z.ZodDefault<z.ZodNumber>
  readonly pattern: z.ZodOptional<z.ZodString>
  readonly dtype: z.ZodDefault<z.ZodEnum<{ f16: 'f16'; bf16: 'bf16'; f32: 'f32' }>>
} = {
  sparsity: z.number().min(0).lt(1).default(0.5).describe('Fraction of the weights of each matrix that becomes zero.'),
  pattern: z
    .string()
    .regex(/^\d{1,3}:\d{1,3}$/, 'expected n:m, such as 2:4')
    .refine(text => isPattern(text), 'expected n:m with 0 < n < m <= 256')
    .optional()
    .describe('n zeros in every m consecutive inputs, written n:m (2:4). Takes the place of sparsity.'),
  dtype: z.enum(['f16', 'bf16', 'f32']).default('f16').describe('Type in which the remaining weights are stored.'),
}

/** What `pruneFields` give. */
export interface PruneOptions {
  readonly sparsity: number
  readonly pattern?: string | undefined
  readonly dtype: 'f16' | 'bf16' | 'f32'
}

function isPattern(text: string): boolean {
  const { zeros, of } = split(text)
  return zeros > 0 && zeros < of && of <= 256
}

function split(text: string): Pattern {
  const [zeros, of] = text.split(':').map(Number)
  return { zeros: zeros ?? 0, of: of ?? 0 }
}

/** `'2:4'` → `{ zeros: 2, of: 4 }` */
export const patternOf = ({ pattern }: { readonly pattern?: string | undefined }): Pattern | undefined =>
  pattern === undefined ? undefined : split(pattern)
