export type TranslateOf<K extends string> = (key: K, ...parts: readonly (string | number)[]) => string

/**
 * The texts of a page, by their names.
 * @param texts in English; `{0}` stands for what is put in
 * @param translated texts that take their place
 */
export const translatorOf =
  <K extends string>(
    texts: Readonly<Record<K, string>>,
    translated: Readonly<Record<string, string>> = {},
  ): TranslateOf<K> =>
  (key, ...parts) => {
    const text = Object.hasOwn(translated, key) ? translated[key]! : texts[key]
    return text.replace(/\{(\d)\}/g, (_, at: string) => String(parts[Number(at)] ?? ''))
  }
