import * as path from 'pathe'

export { basename, dirname, extname, join, relative, resolve } from 'pathe'
export const sep = '/'
export const posix: typeof path = path
