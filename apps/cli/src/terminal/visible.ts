/** Control characters in texts of strangers would be commands to the terminal. */
export const visible = (text: string): string => text.toWellFormed().replace(/(?![\n\t])\p{Cc}/gu, '\ufffd')
