/** A tokenizer.json for checkpoints that have none, because llama.cpp wants one: a printable character a token, 96 of them. */
export const toyTokenizer: Readonly<Record<string, unknown>> = {
  model: {
    type: 'BPE',
    vocab: Object.fromEntries(
      Array.from({ length: 96 }, (_, i) => [i < 94 ? String.fromCharCode(33 + i) : '!'.repeat(i - 92), i]),
    ),
    merges: [['!', '!']],
  },
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false },
  added_tokens: [],
}
