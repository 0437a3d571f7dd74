/** llama.cpp finds the other files of a model by their names: `NAME-00001-of-00003.gguf`. */
const pattern = /-(\d{5})-of-(\d{5})\.gguf(?=$|[?#])/

/** How many files a model may be spread over: each is opened. The largest published ones have a few hundred. */
export const MAX_GGUF_SHARDS = 4096

const digits = (n: number): string => String(n).padStart(5, '0')

/** The name of file `index`, counted from 0, of `count`. @param path `NAME.gguf`, or the name of any of the files */
export function shardPath(path: string, index: number, count: number): string {
  const ending = `-${digits(index + 1)}-of-${digits(count)}.gguf`
  return pattern.test(path) ? path.replace(pattern, ending) : `${path.replace(/\.gguf$/, '')}${ending}`
}
