/**
 * Node's modules that few programs need. An `import` costs a millisecond more than `getBuiltinModule`, because it binds every
 * exported name. So code that is loaded with the package gets them here, on demand.
 */
export const builtins = {
  get asyncHooks(): typeof import('node:async_hooks') {
    return process.getBuiltinModule('node:async_hooks')
  },
  get crypto(): typeof import('node:crypto') {
    return process.getBuiltinModule('node:crypto')
  },
  get diagnosticsChannel(): typeof import('node:diagnostics_channel') {
    return process.getBuiltinModule('node:diagnostics_channel')
  },
  get fs(): typeof import('node:fs') {
    return process.getBuiltinModule('node:fs')
  },
  get inspector(): typeof import('node:inspector') {
    return process.getBuiltinModule('node:inspector')
  },
  get module(): typeof import('node:module') {
    return process.getBuiltinModule('node:module')
  },
  get os(): typeof import('node:os') {
    return process.getBuiltinModule('node:os')
  },
  get perfHooks(): typeof import('node:perf_hooks') {
    return process.getBuiltinModule('node:perf_hooks')
  },
  get timers(): typeof import('node:timers') {
    return process.getBuiltinModule('node:timers')
  },
  get util(): typeof import('node:util') {
    return process.getBuiltinModule('node:util')
  },
  get v8(): typeof import('node:v8') {
    return process.getBuiltinModule('node:v8')
  },
  get workerThreads(): typeof import('node:worker_threads') {
    return process.getBuiltinModule('node:worker_threads')
  },
}
