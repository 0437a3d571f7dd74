import type { Tensor } from '@sinter/tensor-core'
import { Command } from 'commander'
import { withBackend } from '../backend.ts'
import { type ComputeFlags, computeFlags, jsonFlag } from '../flags.ts'
import { print, printJson } from '../print.ts'

interface LogitsFlags extends ComputeFlags {
  readonly tokens: string
  readonly out: string
  readonly hidden?: boolean
  readonly json?: boolean
}

export function logitsCommand(): Command {
  const command = new Command('logits')
    .description('Logits of given tokens, as a safetensors file: to check one runtime against another')
    .argument('<model>', 'the model to run')
    .requiredOption('--tokens <file>', 'safetensors file with the tensor input_ids [batch, tokens]')
    .requiredOption('--out <file>', 'safetensors file to write: logits [batch, tokens, vocabulary]')
    .option('--hidden', 'also hidden.0 (what enters the first block) to hidden.N, and head_input')
    .addOption(jsonFlag())
    .addHelpText(
      'after',
      `
Example:
  sinter logits ./model --tokens ids.safetensors --out logits.safetensors --hidden`,
    )
    .action(logitsAction)
  return computeFlags(command)
}

async function logitsAction(path: string, flags: LogitsFlags): Promise<void> {
  const { logits, openModel } = await import('@sinter/model')
  const model = await openModel(path)
  try {
    const ids = await readIds(flags.tokens, model.config.vocabSize)
    const results = await withBackend(flags, backend => logits(model, backend, ids, { hidden: flags.hidden === true }))
    if (!flags.hidden) results.delete('head_input')
    await writeTensors(flags.out, results)
    const shapes = Object.fromEntries([...results].map(([name, { shape }]) => [name, shape]))
    if (flags.json) printJson({ model: path, out: flags.out, tensors: shapes })
    else
      print(
        `${flags.out}: ${Object.entries(shapes)
          .map(([name, shape]) => `${name} [${shape.join(', ')}]`)
          .join(', ')}`,
      )
  } finally {
    await model.close()
  }
}

/** Token ids as i32, whatever integer type the file has. @throws FormatError, RangeError for an id outside the vocabulary */
async function readIds(path: string, vocabSize: number): Promise<Tensor> {
  const { openSafetensors } = await import('@sinter/model')
  const source = await openSafetensors(path)
  try {
    const { shape, data } = await source.read('input_ids')
    if (shape.length !== 2 || data.length === 0)
      throw new RangeError(`${path}: expected input_ids of shape [batch, tokens], got [${shape.join(', ')}]`)
    const ids = Int32Array.from(data as Int32Array, Number)
    const at = data.findIndex(id => !(Number(id) >= 0 && Number(id) < vocabSize) || !Number.isInteger(Number(id)))
    if (at >= 0)
      throw new RangeError(
        `${path}: input_ids has ${data[at]} at position ${at}; the model knows the tokens 0 … ${vocabSize - 1}`,
      )
    return { dtype: 'i32', shape, data: ids }
  } finally {
    await source.close()
  }
}

async function writeTensors(path: string, tensors: ReadonlyMap<string, Tensor>): Promise<void> {
  const { createSafetensorsWriter } = await import('@sinter/model')
  const entries = [...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape }))
  const writer = await createSafetensorsWriter(path, entries)
  for (const [name, tensor] of tensors) await writer.write(name, tensor)
  await writer.commit()
}
