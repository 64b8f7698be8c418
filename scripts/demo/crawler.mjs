// One crawler. The main thread calls `crawl` itself; in a worker thread this file is the worker's program.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { closeConnections, fetchFile, fetchPolitely } from './client.mjs'
import { sha256 } from './files.mjs'
import { requestsAtOnce } from './limits.mjs'

/** Places in the shared counters. */
export const NEXT = 0
export const DONE = 1
export const REFUSED = 2
/** Not 0: no more requests, please. */
export const STOP = 3

/**
 * Fetches and hashes files of the list: with the limiter each one once, without it over and over until it is stopped.
 *
 * @param {{ origin: string, paths: string[], counters: Int32Array, polite: boolean }} job - `counters` is shared by all crawlers
 * @returns {Promise<{ hashes: [number, string][], waitsMs: number[] }>} the hash of each file fetched, by its index in the list
 */
export async function crawl({ origin, paths, counters, polite }) {
  const fetch = polite ? fetchPolitely : fetchFile
  const hashes = []
  const waitsMs = []
  const loop = async () => {
    while (Atomics.load(counters, STOP) === 0) {
      const index = Atomics.add(counters, NEXT, 1)
      if (polite && index >= paths.length) return
      const place = index % paths.length
      const { status, body, waitMs } = await fetch(origin, paths[place], performance.now())
      waitsMs.push(waitMs)
      if (status === 429) {
        Atomics.add(counters, REFUSED, 1)
        continue
      }
      if (status !== 200) throw new Error(`${paths[place]}: the API answered ${status}`)
      hashes.push([place, sha256(body)])
      Atomics.add(counters, DONE, 1)
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, loop))
  closeConnections()
  return { hashes, waitsMs }
}

if (!isMainThread) parentPort.postMessage(await crawl(workerData))
