const wait = (milliseconds: number): Promise<void> =>
  new Promise(resolve => {
    globalThis.setTimeout(resolve, milliseconds)
  })

export { wait as setTimeout }
