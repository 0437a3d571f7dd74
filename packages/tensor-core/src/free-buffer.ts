type Transferable = ArrayBuffer & { transfer?(byteLength: number): ArrayBuffer }

/** A port whose other end is closed: what is posted moves out and is dropped on the way. */
let nowhere: MessagePort | undefined

/**
 * Gives an array's memory back now; it and all others over the same buffer are empty afterwards. The collector judges by its
 * own small heap, lets dropped buffers wait by the hundred megabytes, and every new one costs the system a page fault for
 * each 4 kB, where freed memory is used again. Shared memory is left alone: other threads may hold it.
 */
export function freeBuffer({ buffer }: ArrayBufferView): void {
  if (!(buffer instanceof ArrayBuffer) || buffer.byteLength === 0) return
  const { transfer } = buffer as Transferable
  if (transfer) transfer.call(buffer, 0)
  else post(buffer)
}

/** Node 20 and older browsers cannot transfer a buffer to nothing. */
function post(buffer: ArrayBuffer): void {
  if (!nowhere) {
    const { port1, port2 } = new MessageChannel()
    port2.close()
    nowhere = port1
  }
  nowhere.postMessage(undefined, [buffer])
}
