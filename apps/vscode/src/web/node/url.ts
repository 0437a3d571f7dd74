/** Places in the bundle are `file:` addresses, as they are where the packages have files of their own. */
export const fileURLToPath = (url: string | URL): string => decodeURIComponent(new URL(url).pathname)

export const pathOf = (path: string | URL): string => (path instanceof URL ? fileURLToPath(path) : path)
