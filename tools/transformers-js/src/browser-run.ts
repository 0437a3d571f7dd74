import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import type { Generated, RunOptions } from './node-run.ts'
import { childrenTime } from './processor-time.ts'
import { serve } from './serve.ts'

export type BrowserDevice = 'wasm' | 'webgpu'

/** Where Debian and others put it. */
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** A browser that is installed; undefined when there is none. */
export const findChromium = (): string | undefined => process.env.CHROMIUM ?? places.find(path => existsSync(path))

/** No window, no telephone calls; WebGPU computed by the processor (SwiftShader comes with the browser). */
const flags = [
  ...[
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
  ],
  ...['--disable-sync', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
]

/** The same continuation in a page of a real browser. */
export async function generateInBrowser(
  executablePath: string,
  folder: string,
  prompt: string,
  { tokens, dtype, device }: RunOptions & { readonly device: BrowserDevice },
): Promise<Generated & { readonly adapter?: string }> {
  const library = dirname(createRequire(import.meta.url).resolve('@huggingface/transformers'))
  const runtime = createRequire(join(library, 'x.js')).resolve('onnxruntime-web')
  const served = await serve({ '/lib/': library, '/ort/': dirname(runtime), '/models/': dirname(folder) })
  const browser = await chromium.launch({ executablePath, headless: true, args: flags })
  try {
    const page = await browser.newPage()
    page.setDefaultTimeout(0)
    await page.goto(served.url)
    const spent: (number | undefined)[] = []
    await page.exposeFunction('tick', () => void spent.push(childrenTime()))
    const made = await inPage(page, { name: basename(folder), prompt, tokens, dtype, device })
    // The first comes with the prompt, the others with the tokens.
    const [from, to] = [spent[1], spent[made.ids.length]]
    const rate = from === undefined || to === undefined ? undefined : ((made.ids.length - 1) * 1000) / (to - from)
    return { ...made, ...(rate !== undefined && { tokensPerProcessorSecond: rate }) }
  } finally {
    await browser.close()
    served.close()
  }
}

type Job = RunOptions & { readonly name: string; readonly prompt: string; readonly device: BrowserDevice }

/** Everything inside runs in the page. */
const inPage = (page: Page, job: Job): Promise<Generated & { readonly adapter?: string }> =>
  page.evaluate(async ({ name, prompt, tokens, dtype, device }) => {
    const url = '/lib/transformers.min.js'
    const { env, AutoTokenizer, AutoModelForCausalLM } = await import(url)
    env.allowRemoteModels = false
    env.allowLocalModels = true
    env.useBrowserCache = false
    env.localModelPath = '/models/'
    env.backends.onnx.wasm.wasmPaths = '/ort/'
    const tokenizer = await AutoTokenizer.from_pretrained(name)
    const model = await AutoModelForCausalLM.from_pretrained(name, { dtype, device })
    const inputs = tokenizer(prompt)
    const given = inputs.input_ids.dims.at(-1)
    const times: number[] = []
    const { tick } = globalThis as unknown as { tick(): Promise<void> }
    const streamer = {
      put: () => {
        times.push(performance.now())
        tick()
      },
      end: () => {},
    }
    const output = await model.generate({
      ...inputs,
      max_new_tokens: tokens,
      do_sample: false,
      eos_token_id: [],
      streamer,
    })
    const ids = Array.from(output.data as BigInt64Array, Number).slice(given)
    // A message to the page's owner: those before it have arrived.
    await tick()
    const gpu = (
      navigator as { gpu?: { requestAdapter(): Promise<{ info: { vendor: string; architecture: string } }> } }
    ).gpu
    const info = device === 'webgpu' ? (await gpu?.requestAdapter())?.info : undefined
    return {
      ids,
      tokensPerSecond: ((ids.length - 1) * 1000) / (times.at(-1)! - times[1]!),
      ...(info && { adapter: `${info.vendor} ${info.architecture}` }),
    }
  }, job)
