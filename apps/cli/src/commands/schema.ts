import { Command } from 'commander'
import { print } from '../print.ts'

export function schemaCommand(): Command {
  return new Command('schema')
    .description('The JSON Schema of recipes, for editors that complete and check as you type')
    .option('--train', 'that of training recipes')
    .option('--out <file>', 'write it to a file')
    .option('--json', 'JSON is what it prints anyway')
    .addHelpText(
      'after',
      `
Examples:
  sinter schema --out recipe.schema.json
  sinter schema --train --out train.schema.json`,
    )
    .action(async ({ out, train }: { readonly out?: string; readonly train?: boolean }) => {
      const { recipeJsonSchema, trainJsonSchema } = await import('@sinter/engine')
      const text = JSON.stringify(train ? trainJsonSchema() : recipeJsonSchema(), null, 2)
      if (out === undefined) return print(text)
      const { atomicWriteFile } = await import('@sinter/model')
      await atomicWriteFile(out, `${text}\n`)
    })
}
