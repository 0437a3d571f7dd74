import type { TranslateOf } from './page-strings.ts'

/** Texts of *Try It*, handed over as those of the viewers are. */
export const tryStrings = {
  title: 'One prompt, both models',
  prompt: 'Prompt',
  tokens: 'New tokens',
  temperature: 'Temperature',
  temperatureHint: '0: always the likeliest token',
  continue: 'Continue',
  stop: 'Stop',
  original: 'Original',
  compressed: 'Compressed',
  waiting: 'Reading the weights …',
  writing: 'Writing …',
  done: '{0} tokens, {1} tokens/s',
  doneShort: '{0} tokens',
  stopped: 'Stopped.',
  same: 'The texts are equal.',
  differ: 'The texts are equal for {0} characters; from there on they are marked.',
  speedHint:
    'One after the other, computed in 32 bits by Sinter’s own engine: runtimes that compute with the compressed numbers have other speeds.',
} as const

export type TranslateTry = TranslateOf<keyof typeof tryStrings>
