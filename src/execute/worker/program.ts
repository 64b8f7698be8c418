import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Worker, WorkerOptions } from 'node:worker_threads'
import { builtins } from '../../internal/builtins.js'
import { noWorkerProgram } from './no-worker-program.js'

/**
 * Starts a thread with the program of workers, which lies beside this file. For bundlers bundled-program.ts stands in its place.
 *
 * @throws {Error} where a bundler that does not take that one has moved this file away from the program
 */
export function startWorker(options: WorkerOptions): Worker {
  const url = ownUrl()
  if (url === undefined) throw noWorkerProgram(undefined)
  const file = fileURLToPath(new URL('./execute-worker.js', url))
  if (!builtins.fs.existsSync(file)) throw noWorkerProgram(dirname(file))
  return new builtins.workerThreads.Worker(file, options)
}

/** Undefined where a bundler has made something of this that cannot tell. */
const ownUrl = (): string | undefined => import.meta.url
