import koffi from 'koffi'
import { loadLibrary } from './library.ts'

/** `llama_quant_model_desc`: what llama.cpp's choice of types looks at beside the tensors. */
export interface LlamaFacts {
  readonly arch: string
  readonly layers: number
  readonly heads: number
  readonly kvHeads: number
  readonly experts: number
}

export interface LlamaTensor {
  readonly name: string
  /** Row-major, `[out, in]`. */
  readonly shape: readonly number[]
}

export interface QuantizeOptions {
  /** `llama_ftype` */
  readonly fileType: number
  /** 0: all. */
  readonly threads?: number
  /** Mean squares by the name of the matrix, `[in]`. */
  readonly importance?: ReadonlyMap<string, Float32Array>
}

export interface LlamaQuantize {
  /**
   * ggml types that a preset gives, without importance, in llama.cpp's own order of tensors; undefined for those that it does
   * not quantize.
   */
  typesOf(fileType: number, facts: LlamaFacts, tensors: readonly LlamaTensor[]): (number | undefined)[]
  /** `llama_model_quantize`. @throws Error with the last thing that llama.cpp said */
  quantize(input: string, output: string, options: QuantizeOptions): void
}

const parameters = koffi.struct('llama_model_quantize_params', {
  nthread: 'int32_t',
  ftype: 'int',
  output_tensor_type: 'int',
  token_embedding_type: 'int',
  allow_requantize: 'bool',
  quantize_output_tensor: 'bool',
  only_copy: 'bool',
  pure: 'bool',
  keep_split: 'bool',
  dry_run: 'bool',
  imatrix: 'void *',
  kv_overrides: 'void *',
  tt_overrides: 'void *',
  prune_layers: 'void *',
  max_buf_size: 'size_t',
})
const description = koffi.struct('llama_quant_model_desc', {
  architecture: 'const char *',
  n_embd: 'uint32_t',
  n_ff: 'uint32_t',
  n_layer: 'uint32_t',
  n_head: 'uint32_t',
  n_head_kv: 'uint32_t',
  n_expert: 'uint32_t',
  n_embd_head_k: 'uint32_t',
  n_embd_head_v: 'uint32_t',
})
const context = koffi.struct('ggml_init_params', { mem_size: 'size_t', mem_buffer: 'void *', no_alloc: 'bool' })
const entry = koffi.struct('llama_model_imatrix_data', { name: 'const char *', data: 'float *', size: 'size_t' })
const logger = koffi.proto('void llama_log(int level, const char *text, void *data)')

/** A tensor of ggml takes 336 bytes and its bookkeeping. */
const TENSOR_BYTES = 512
const F32 = 0

/** @throws Error where the library is not installed or does not load: anything but Linux on x64 */
export function loadLlamaQuantize(): LlamaQuantize {
  const base = loadLibrary('libggml-base.so')
  const llama = loadLibrary('libllama.v0.5.0.so')
  const defaults = llama.func('llama_model_quantize_default_params', parameters, [])
  const quantize = llama.func('llama_model_quantize', 'uint32_t', ['str', 'str', koffi.pointer(parameters)])
  const said: string[] = []
  const log = koffi.register((_level: number, text: string) => void said.push(text), koffi.pointer(logger))
  llama.func('llama_log_set', 'void', [koffi.pointer(logger), 'void *'])(log, null)

  const model = llama.func('_Z31llama_quant_model_from_metadataPK22llama_quant_model_desc', 'void *', [
    koffi.pointer(description),
  ])
  const freeModel = llama.func('void llama_model_free(void *model)')
  const start = llama.func('_Z16llama_quant_initPK11llama_modelPK27llama_model_quantize_params', 'void *', [
    'void *',
    'void *',
  ])
  const stop = llama.func('_Z16llama_quant_freeP19quantize_state_impl', 'void', ['void *'])
  const allows = llama.func(
    '_Z38llama_quant_tensor_allows_quantizationPK19quantize_state_implPK11ggml_tensor',
    'bool',
    ['void *', 'void *'],
  )
  const compute = llama.func(
    '_Z25llama_quant_compute_typesP19quantize_state_impl11llama_ftypePP11ggml_tensorP9ggml_typem',
    'void',
    ['void *', 'int', 'void **', 'int32_t *', 'size_t'],
  )
  const open = base.func('ggml_init', 'void *', [context])
  const close = base.func('void ggml_free(void *context)')
  const create = base.func('void *ggml_new_tensor(void *context, int type, int axes, const int64_t *ne)')
  const name = base.func('void *ggml_set_name(void *tensor, const char *name)')

  return {
    typesOf(fileType, { arch, layers, heads, kvHeads, experts }, tensors) {
      const memory = open({ mem_size: TENSOR_BYTES * (tensors.length + 1), mem_buffer: null, no_alloc: true })
      const mock = model({
        architecture: arch,
        n_embd: 256,
        n_ff: 256,
        n_layer: layers,
        n_head: heads,
        n_head_kv: kvHeads,
        n_expert: experts,
        n_embd_head_k: 64,
        n_embd_head_v: 64,
      })
      // The state keeps the address, so the parameters must outlive the call.
      const kept = koffi.alloc(parameters, 1)
      koffi.encode(kept, parameters, { ...defaults(), ftype: fileType })
      const state = start(mock, kept)
      const made = tensors.map(({ name: own, shape }) => {
        const ne = BigInt64Array.from(shape.toReversed(), BigInt)
        return name(create(memory, F32, shape.length, ne), own)
      })
      const quantized = made.map(tensor => allows(state, tensor) as boolean)
      const asked = made.filter((_, i) => quantized[i])
      const types = new Int32Array(asked.length)
      compute(state, fileType, asked, types, asked.length)
      let at = 0
      const result = quantized.map(yes => (yes ? types[at++] : undefined))
      stop(state)
      freeModel(mock)
      close(memory)
      koffi.free(kept)
      return result
    },
    quantize(input, output, { fileType, threads = 0, importance }) {
      said.length = 0
      const entries = [...(importance ?? [])].map(([own, data]) => ({ name: own, data, size: data.length }))
      const list = importance && koffi.as([...entries, { name: null, data: null, size: 0 }], koffi.pointer(entry))
      const options = {
        ...defaults(),
        nthread: threads,
        ftype: fileType,
        allow_requantize: true,
        imatrix: list ?? null,
      }
      if (quantize(input, output, options) !== 0)
        throw new Error(`llama.cpp: ${said.findLast(text => text.includes('failed')) ?? said.at(-1)}`.trim())
    },
  }
}
