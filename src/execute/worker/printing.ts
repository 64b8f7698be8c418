import type { Writable } from 'node:stream'
import { Cell } from './protocol.js'

/**
 * Sends what items print at once, so that it arrives before their results. Node itself sends nothing more until the other thread has taken what
 * came before, for which the event loop of this one must turn.
 */
export function printAtOnce(cells: Int32Array): void {
  for (const stream of [process.stdout, process.stderr] as readonly (Writable & { fd?: number })[]) {
    const write = stream._writev?.bind(stream)
    // A stream with a descriptor (in Bun and Deno) writes at once by itself.
    if (write === undefined || stream.fd !== undefined) continue
    stream._writev = (chunks, written) => {
      write(chunks, () => undefined)
      Atomics.store(cells, Cell.PRINTED, 1)
      written()
    }
  }
}
