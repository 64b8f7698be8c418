/** Stands for program.ts in what bundlers are given: there the program of workers does not lie where this package put it. */
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
// Without `node:`, as webpack looks for it.
import { Worker, type WorkerOptions } from 'worker_threads'
import { builtins } from '../../internal/builtins.js'
import { noWorkerProgram } from './no-worker-program.js'

/** A number in what webpack, and what is built upon it, makes of this; undefined elsewhere. */
declare const __webpack_require__: unknown
/** Of a program in CommonJS. */
declare const __filename: string | undefined

const NAMES = ['amorsize-worker.js', 'amorsize-worker.mjs', 'amorsize-worker.cjs']

/**
 * Starts a thread with the program of workers: what the bundler has made of the entry point `amorsize/worker` and has put beside the program,
 * or what webpack makes of it by itself.
 *
 * @throws {Error} where there is neither, with what to tell the bundler
 */
export function startWorker(options: WorkerOptions): Worker {
  const folder = ownFolder()
  // Parts that a program loads later may lie in a folder of their own below it.
  const folders = folder === undefined ? [] : [folder, dirname(folder)]
  const places = folders.flatMap((place) => NAMES.map((name) => join(place, name)))
  const found = places.find((path) => builtins.fs.existsSync(path))
  if (found !== undefined) return new Worker(found, options)
  if (typeof __webpack_require__ === 'function')
    return new Worker(new URL('./amorsize-worker.js', import.meta.url), options)
  throw noWorkerProgram(folder)
}

/** Where the program is. webpack puts the place of the package on the machine that builds into `import.meta.url`, and Bun into `__filename`. */
function ownFolder(): string | undefined {
  const url = ownUrl()
  const ofUrl = url === undefined ? undefined : fileURLToPath(url)
  const file = typeof __webpack_require__ === 'function' ? (ownFile() ?? ofUrl) : (ofUrl ?? ownFile())
  return file === undefined ? undefined : dirname(file)
}

/** In ES modules that webpack makes, the name is there for `typeof`, and for nothing else. */
function ownFile(): string | undefined {
  try {
    return typeof __filename === 'string' ? __filename : undefined
  } catch {
    return undefined
  }
}

/** Undefined where a bundler has made something of this that cannot tell. */
const ownUrl = (): string | undefined => import.meta.url
