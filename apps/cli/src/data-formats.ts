import type { DataFormat } from '@sinter/model'

/** As the library has them; the list is here so that help need not load it. A test compares the two. */
export const dataFormats: readonly DataFormat[] = ['text', 'jsonl', 'chat', 'prompt-completion']
