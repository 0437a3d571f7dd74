import { describe, expect, it } from 'vitest'
import { renderChat } from '../src/tokenizer/chat.ts'

const chatTemplate = `{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
Be brief.<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}`
const messages = [{ role: 'user', content: 'Where is Tom?' }]

describe('renderChat', () => {
  it('writes a ChatML conversation', () => {
    expect(renderChat({ chatTemplate }, messages)).toBe(
      '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhere is Tom?<|im_end|>\n<|im_start|>assistant\n',
    )
  })
  it('leaves the opening of the answer out when asked', () => {
    const text = renderChat({ chatTemplate }, messages, { addGenerationPrompt: false })
    expect(text.endsWith('Where is Tom?<|im_end|>\n')).toBe(true)
  })
  it('gives the template the names of the begin and end tokens', () => {
    const template = '{{ bos_token }}{% for m in messages %}{{ m.content | trim }}{{ eos_token }}{% endfor %}'
    expect(renderChat({ chatTemplate: template, bosToken: '<s>', eosToken: '</s>' }, messages)).toBe(
      '<s>Where is Tom?</s>',
    )
  })
  it('says what to do without a template, and why a template refuses', () => {
    expect(() => renderChat({}, messages)).toThrow(/no chat template.*give a prompt/)
    const strict = "{{ raise_exception('roles must alternate') }}"
    expect(() => renderChat({ chatTemplate: strict }, messages)).toThrow(
      /refuses this conversation: roles must alternate/,
    )
  })
})
