/** The command that was given, with --resume, ready to be pasted into a shell. */
export function resumingCommand(): string {
  const words = process.argv.slice(2).filter(word => word !== '--resume')
  return ['sinter', ...words, '--resume'].map(quote).join(' ')
}

const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)
