import { formats, methods, presets, trainMethods } from '@sinter/engine'
import type { MethodsResult } from '../../shared/protocol.ts'

export async function listMethods(): Promise<MethodsResult> {
  return {
    methods: [...methods, ...trainMethods].map(({ name, kind, title, paper }) => ({ name, kind, title, paper })),
    presets: presets.map(({ name, title }) => ({ name, title })),
    formats: formats.map(({ name, title, types, file }) => ({ name, title, types, file })),
  }
}
