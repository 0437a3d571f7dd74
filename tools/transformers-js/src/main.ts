/**
 * Exports a model to ONNX and runs it in transformers.js: in Node, in a page of Chromium (wasm, and WebGPU by SwiftShader), beside
 * llama.cpp with the same matrices:
 * `node --conditions=@sinter/source tools/transformers-js/src/main.ts MODEL --type q4 --tokens 32 --browser wasm,webgpu`.
 * Exit code 1 when a token is not our own.
 */
import { parseArgs } from 'node:util'
import type { BrowserDevice } from './browser-run.ts'
import { type CompareOptions, compare } from './compare.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    type: { type: 'string', default: 'q4' },
    tokens: { type: 'string', default: '32' },
    'webgpu-tokens': { type: 'string', default: '8' },
    browser: { type: 'string', default: 'wasm,webgpu' },
    'accuracy-level': { type: 'string', default: '4' },
    embeddings: { type: 'string' },
    prompt: { type: 'string', default: 'The capital of France is Paris. The capital of Germany is' },
  },
})
const embeddings = values.embeddings === undefined ? undefined : Number(values.embeddings) || values.embeddings
const rows = await compare({
  model: positionals[0]!,
  prompt: values.prompt,
  tokens: Number(values.tokens),
  type: values.type as CompareOptions['type'],
  write: {
    accuracyLevel: Number(values['accuracy-level']) as 0 | 1 | 4,
    ...(embeddings !== undefined && { embeddings: embeddings as 4 | 8 | 'f16' }),
  },
  browser: values.browser.split(',').filter(Boolean) as BrowserDevice[],
  webgpuTokens: Number(values['webgpu-tokens']),
  llamaCpp: true,
  say: console.log,
})
process.exitCode = rows.some(({ where, same, tokens }) => same < tokens && !where.startsWith('llama.cpp')) ? 1 : 0
