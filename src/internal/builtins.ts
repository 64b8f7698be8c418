/**
 * Modules of Node that few programs need of this package. To import one costs a millisecond more than to ask for it, since every
 * name it exports is bound; so what is loaded with the package asks when it comes to it.
 */
export const builtins = {
  get fs(): typeof import('node:fs') {
    return process.getBuiltinModule('node:fs')
  },
  get v8(): typeof import('node:v8') {
    return process.getBuiltinModule('node:v8')
  },
  get workerThreads(): typeof import('node:worker_threads') {
    return process.getBuiltinModule('node:worker_threads')
  },
}
